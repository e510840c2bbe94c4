//! Tells what has changed about cameras, as a list would show it: compares what is with what was told.
//! So it does not matter how often it is woken, or by whom.

use std::collections::BTreeMap;

use base::CameraId;
use tokio::sync::watch;

use crate::{
    api::{Camera, CameraStatus},
    events::{CameraChange, Event, Events},
};

/// What was told of each camera.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<CameraId, Camera>);

impl Told {
    /// What has been known from the beginning is no news.
    pub(crate) fn new(cameras: Vec<Camera>) -> Self {
        Self(cameras.into_iter().map(|camera| (camera.id, camera)).collect())
    }

    /// What is to be told of these cameras, which are all there are.
    pub(crate) fn news(&mut self, cameras: Vec<Camera>) -> Vec<Event> {
        let mut news = Vec::new();
        let mut before = std::mem::take(&mut self.0);
        for camera in cameras {
            let was = before.remove(&camera.id);
            let change = match (was.as_ref().map(|was| was.status), camera.status) {
                (None | Some(CameraStatus::Disconnected), CameraStatus::Connected | CameraStatus::Error) => {
                    Some(CameraChange::Connected)
                }
                (None, CameraStatus::Disconnected) => Some(CameraChange::Status),
                (Some(was), CameraStatus::Disconnected) if was != CameraStatus::Disconnected => {
                    Some(CameraChange::Disconnected)
                }
                (Some(was), is) if was != is => Some(CameraChange::Status),
                _ => was.filter(|was| was.name != camera.name).map(|_| CameraChange::Status),
            };
            self.0.insert(camera.id, camera.clone());
            news.extend(change.map(|change| Event::Camera(change, camera)));
        }
        // Configured no longer, or forgotten, which is no news.
        let gone = before.into_values().filter(|camera| camera.status != CameraStatus::Disconnected);
        let gone = gone.map(|camera| Camera { status: CameraStatus::Disconnected, ..camera });
        news.extend(gone.map(|camera| Event::Camera(CameraChange::Disconnected, camera)));
        news
    }
}

/// Tells of every change until `stop`. `list`: all cameras; `None`: there is nobody left to ask.
pub(crate) async fn watch(
    list: impl Fn() -> Option<Vec<Camera>>,
    mut failures: watch::Receiver<()>,
    mut plugged: watch::Receiver<()>,
    events: Events,
    mut stop: watch::Receiver<bool>,
) {
    let Some(mut told) = list().map(Told::new) else { return };
    loop {
        tokio::select! {
            changed = failures.changed() => if changed.is_err() { return },
            changed = plugged.changed() => if changed.is_err() { return },
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some(cameras) = list() else { return };
        // A stream that is being started anew shows in health alone.
        events.stir();
        for event in told.news(cameras) {
            events.tell(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use base::units::Size;

    use super::*;
    use crate::api::CameraKind;

    fn camera(id: u16, status: CameraStatus, name: &str) -> Camera {
        Camera {
            id: CameraId(id),
            status,
            name: name.into(),
            kind: CameraKind::Test,
            size: Size { width: 64, height: 64 },
            fps: 5.0,
        }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        use CameraStatus::{Connected, Disconnected, Error};
        let mut told = Told::new(vec![camera(0, Connected, "A"), camera(1, Disconnected, "B")]);
        let mut news = |cameras: &[(u16, CameraStatus, &str)]| -> Vec<(CameraChange, u16)> {
            let cameras = cameras.iter().map(|(id, status, name)| camera(*id, *status, name)).collect();
            let changed = |event| match event {
                Event::Camera(change, camera) => (change, camera.id.0),
                other => panic!("{other:?}"),
            };
            told.news(cameras).into_iter().map(changed).collect()
        };
        assert_eq!(news(&[(0, Connected, "A"), (1, Disconnected, "B")]), []);
        let both = [(CameraChange::Status, 0), (CameraChange::Connected, 1)];
        assert_eq!(news(&[(0, Error, "A"), (1, Connected, "B")]), both);
        let both = [(CameraChange::Disconnected, 0), (CameraChange::Status, 1)];
        assert_eq!(news(&[(0, Disconnected, "A"), (1, Connected, "Gate")]), both);
        // One that fails as soon as it is plugged in is there all the same.
        assert_eq!(news(&[(0, Error, "A"), (1, Connected, "Gate")]), [(CameraChange::Connected, 0)]);
        // The one that is not configured any more was there until now.
        let both = [(CameraChange::Connected, 2), (CameraChange::Disconnected, 0)];
        assert_eq!(news(&[(1, Connected, "Gate"), (2, Connected, "C")]), both);
        assert_eq!(news(&[(1, Connected, "Gate"), (2, Connected, "C")]), []);
    }
}
