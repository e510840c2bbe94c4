//! Tells when health changes: judges anew whenever something happened on which it may depend, and when what
//! is told for a while has been told long enough. So it does not matter how often it is woken, or by whom.

use std::{
    future::{Future, pending},
    time::Instant,
};

use tokio::sync::watch;

use crate::{
    api::Health,
    events::{Event, Events},
};

/// Tells of every change until `stop`, be it a figure: what is worth a notification, whoever knows what was
/// notified decides. `look`: how it is now, and when that will be another thing by itself; `None`: there is nobody
/// left to ask. `told`: how it was last told.
pub(crate) async fn watch<F: Future<Output = Option<(Health, Option<Instant>)>>>(
    look: impl Fn() -> F,
    mut told: Health,
    events: Events,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let Some((now, changes)) = look().await else { return };
        if now != told {
            if now.differs(&told) {
                let troubles: Vec<_> = now.reasons.iter().map(|reason| &reason.trouble).collect();
                tracing::info!(condition = ?now.condition(), ?troubles, "health has changed");
            }
            told = now.clone();
            events.tell(Event::Health(now));
        }
        let passes = async {
            match changes {
                Some(at) => tokio::time::sleep_until(at.into()).await,
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
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::SystemTime,
    };

    use super::*;
    use crate::{
        api::{Reason, Trouble},
        events::{Heard, News, bus},
    };

    #[tokio::test]
    async fn each_change_is_told_once_whoever_stirs() {
        let (events, mut feed) = bus();
        let percent = Arc::new(AtomicU32::new(50));
        let health = |percent: u32| {
            let reason =
                Reason { trouble: Trouble::DiskFilling(f64::from(percent)), since: SystemTime::UNIX_EPOCH };
            Health {
                reasons: Some(reason).filter(|_| percent >= 80).into_iter().collect(),
                ..Health::default()
            }
        };
        let (stop, told) = watch::channel(false);
        let seen = percent.clone();
        let look = move || std::future::ready(Some((health(seen.load(Ordering::Relaxed)), None)));
        let watched = tokio::spawn(watch(look, health(50), events.clone(), told));
        let mut heard = Vec::new();
        for now in [81, 82, 60] {
            percent.store(now, Ordering::Relaxed);
            events.tell(Event::Storage { usage_percent: f64::from(now) });
            while let Some(Heard::News(News { event, .. })) = feed.next().await {
                match event {
                    Event::Storage { .. } => {}
                    Event::Health(health) => {
                        heard.push((now, health.reasons.len()));
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

    #[tokio::test]
    async fn what_changes_by_itself_is_waited_for() {
        let (events, mut feed) = bus();
        let (_stop, told) = watch::channel(false);
        let due = Instant::now() + std::time::Duration::from_millis(20);
        let look = move || {
            let over = Instant::now() >= due;
            let reason = Reason { trouble: Trouble::ClockJumped, since: SystemTime::UNIX_EPOCH };
            let reasons = Some(reason).filter(|_| !over).into_iter().collect();
            std::future::ready(Some((Health { reasons, ..Health::default() }, Some(due).filter(|_| !over))))
        };
        let now = look().await.unwrap().0;
        tokio::spawn(watch(look, now, events, told));
        let Some(Heard::News(News { event: Event::Health(health), .. })) = feed.next().await else {
            panic!()
        };
        assert_eq!(health, Health::default());
    }
}
