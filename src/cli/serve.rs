//! `tongke serve`.

use std::process::ExitCode;

use super::{Outcome, Settings, say, stopped};
use crate::config::Config;
use crate::house::House;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

/// What signaling needs of the settings.
pub(super) fn signaling(config: &Config) -> tongke_signaling::Config {
    let ms = |seconds: u32| i64::from(seconds) * 1_000;
    tongke_signaling::Config {
        opens_before_ms: ms(config.lesson.opens_before_s),
        admits_before_ms: ms(config.lesson.admits_before_s),
        extend_ms: ms(config.lesson.extend_s),
        zone_offset_ms: config.utc_offset.ms(),
        ..tongke_signaling::Config::new(config.data.clone())
    }
}

pub(super) async fn run(arguments: Arguments) -> Outcome {
    let config = arguments.settings.read()?.checked()?;
    let house = House::open(&config, signaling(&config)).await?;
    say(&format!("Tongke serves {}", house.base_url));
    if let Some(spki) = &house.spki {
        say("First-run certificate. Displays accept it with this Chromium flag:");
        say(&format!("  --ignore-certificate-errors-spki-list={spki}"));
    }
    if house.signaling.has_no_people().await? {
        say("Nobody can sign in yet: tongke user add admin --role region_admin");
    }
    house.serve(stopped()).await?;
    Ok(ExitCode::SUCCESS)
}
