//! The core alone: datagrams of one publisher in, sealed datagrams of all viewers out; no socket, no thread.
//! `cargo bench -p tongke-benches`; throughput is in forwarded packets.

#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tongke::media::srtp::Profile;
use tongke::net::clock;
use tongke_benches::{BATCH, Stage};

fn forwarding(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    for (profile, name) in [(Profile::AeadAes128Gcm, "gcm"), (Profile::Aes128CmSha1_80, "sha1")] {
        for recorded in [false, true] {
            for viewers in [1u16, 10, 100] {
                let what = format!("{name}{}", if recorded { "+recorder" } else { "" });
                group.throughput(Throughput::Elements(u64::from(viewers) * BATCH as u64));
                group.bench_function(BenchmarkId::new(what, format!("1x{viewers}")), |b| {
                    let mut stage = Stage::new(viewers, profile, recorded);
                    b.iter_custom(|rounds| {
                        let mut spent = Duration::ZERO;
                        for _ in 0..rounds {
                            stage.second();
                            let mut batch = stage.batch();
                            let begun = clock::now();
                            let sent = stage.forward(&mut batch);
                            spent += clock::now().saturating_duration_since(begun);
                            assert_eq!(sent, BATCH * usize::from(viewers), "all forwarded");
                            stage.clear();
                        }
                        spent
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = forwarding
}
criterion_main!(benches);
