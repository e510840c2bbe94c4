//! Tells when health changes: judges anew whenever something happened on which it may depend, and when what
//! is told for a while has been told long enough. So it does not matter how often it is woken, or by whom.

use std::future::{Future, pending};

use tokio::sync::watch;

use crate::{
    api::Health,
    events::{Event, Events},
    health::{Facts, changes_in, judge},
};

/// Tells of every change until `stop`, be it a figure: what is worth a notification, whoever knows what was
/// notified decides. `look`: what health depends on now; `None`: there is nobody left to
/// ask. `told`: how it was last told.
pub(crate) async fn watch<F: Future<Output = Option<Facts>>>(
    look: impl Fn() -> F,
    mut told: Health,
    events: Events,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let Some(facts) = look().await else { return };
        let now = judge(&facts);
        if now != told {
            if now.differs(&told) {
                tracing::info!(condition = ?now.condition(), troubles = ?now.troubles, "health has changed");
            }
            told = now.clone();
            events.tell(Event::Health(now));
        }
        let passes = async {
            match changes_in(&facts) {
                Some(left) => tokio::time::sleep(left).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = events.stirred() => {}
            () = passes => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use paths::Ffmpeg;

    use super::*;
    use crate::events::{Heard, News, StorageLevel, bus};

    #[tokio::test]
    async fn each_change_is_told_once_whoever_stirs() {
        let (events, mut feed) = bus();
        let percent = Arc::new(AtomicU32::new(50));
        let facts = |percent: u32| {
            let level = if percent < 80 { StorageLevel::Enough } else { StorageLevel::Low };
            Facts {
                ffmpeg: Some(Ffmpeg::Version("7.1".into())),
                rtsp_served: true,
                mediamtx: None,
                disk: Some((f64::from(percent), level)),
                clock_believed: true,
                cameras: Vec::new(),
                cut_short: Vec::new(),
            }
        };
        let (stop, told) = watch::channel(false);
        let seen = percent.clone();
        let look = move || std::future::ready(Some(facts(seen.load(Ordering::Relaxed))));
        let watched = tokio::spawn(watch(look, judge(&facts(50)), events.clone(), told));
        let mut heard = Vec::new();
        for now in [81, 82, 60] {
            percent.store(now, Ordering::Relaxed);
            events.tell(Event::Storage { usage_percent: f64::from(now) });
            while let Some(Heard::News(News { event, .. })) = feed.next().await {
                match event {
                    Event::Storage { .. } => {}
                    Event::Health(health) => {
                        heard.push((now, health.troubles.len()));
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(heard, [(81, 1), (82, 1), (60, 0)]);
        stop.send_replace(true);
        watched.await.unwrap();
    }
}
