//! `tongke user add|passwd`.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;

use rand::Rng;
use tongke_signaling::model::Role;
use tongke_signaling::{Signaling, SystemClock};

use super::{Outcome, Settings, say};
use crate::house::closed_shelf;

/// Letters that are not mistaken for one another when read aloud.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 12 of 31 letters are 59 bits, plenty behind the login limit.
const PASSWORD: usize = 12;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Adds a person who can sign in.
    Add {
        /// Login name.
        user: String,
        /// region_admin, group_admin, school_admin or teacher.
        #[arg(long, default_value = "teacher")]
        role: String,
        /// Name shown; the login name if missing.
        #[arg(long)]
        name: Option<String>,
        /// Id of the school; needed for all but region_admin.
        #[arg(long)]
        school: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Sets a password; all sign-ins of that person end.
    Passwd {
        /// Login name.
        user: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(clap::Args)]
pub(super) struct Common {
    /// Reads the password from standard input; otherwise one is made and printed.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Common {
    fn password(&self) -> Result<String, std::io::Error> {
        if !self.password_stdin {
            return Ok(random_password());
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn open(&self) -> Result<Signaling, Box<dyn std::error::Error>> {
        let config = self.settings.read()?;
        std::fs::create_dir_all(&config.data)?;
        let (commands, _) = tokio::sync::mpsc::channel(1);
        let settings = super::serve::signaling(&config);
        Ok(Signaling::open(settings, Arc::new(SystemClock::new()), commands, closed_shelf()).await?)
    }
}

/// A password to be read out once and changed.
pub(super) fn random_password() -> String {
    let mut rng = rand::rng();
    (0..PASSWORD).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Add { user, role, name, school, common } => {
            let role: Role = serde_json::from_value(serde_json::Value::String(role.clone()))
                .map_err(|_| format!("no role {role}; region_admin, group_admin, school_admin or teacher"))?;
            let school = match school {
                Some(text) => {
                    Some(serde_json::from_value(serde_json::Value::String(text)).map_err(|_| "--school is not an id")?)
                }
                None if role == Role::RegionAdmin => None,
                None => return Err("--school ID is needed for this role".into()),
            };
            let password = common.password()?;
            let signaling = common.open().await?;
            let name = name.as_deref().unwrap_or(&user);
            signaling.add_person((name, &user), Some(&password), role, school).await?;
            report(&user, &password, common.password_stdin);
        }
        Command::Passwd { user, common } => {
            let password = common.password()?;
            common.open().await?.set_password(&user, &password).await?;
            report(&user, &password, common.password_stdin);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn report(user: &str, password: &str, given: bool) {
    if given {
        say(&format!("{user}: done"));
    } else {
        say(&format!("{user}: password {password}"));
    }
}
