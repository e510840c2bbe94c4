//! Topics: their names, who may hear of them, and how a client asks for some. Pure.

use control::events::{CameraChange, Event, RecordingChange};

use crate::security::Role;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    CameraConnected,
    CameraDisconnected,
    CameraStatusChange,
    RecordingStart,
    RecordingStop,
    RecordingError,
    RecordingSegment,
    SnapshotTaken,
    SystemHealth,
    SystemStartup,
    SystemShutdown,
    SystemStorage,
}

/// What older clients call a group: the method of its notifications.
const METHODS: [(&str, &str); 4] = [
    ("camera.", "camera_status_update"),
    ("recording.", "recording_status_update"),
    ("snapshot.", "snapshot_status_update"),
    ("system.", "system_health_update"),
];

impl Topic {
    pub(crate) const ALL: [Self; 12] = [
        Self::CameraConnected,
        Self::CameraDisconnected,
        Self::CameraStatusChange,
        Self::RecordingStart,
        Self::RecordingStop,
        Self::RecordingError,
        Self::RecordingSegment,
        Self::SnapshotTaken,
        Self::SystemHealth,
        Self::SystemStartup,
        Self::SystemShutdown,
        Self::SystemStorage,
    ];

    /// The contract's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CameraConnected => "camera.connected",
            Self::CameraDisconnected => "camera.disconnected",
            Self::CameraStatusChange => "camera.status_change",
            Self::RecordingStart => "recording.start",
            Self::RecordingStop => "recording.stop",
            Self::RecordingError => "recording.error",
            Self::RecordingSegment => "recording.segment",
            Self::SnapshotTaken => "snapshot.taken",
            Self::SystemHealth => "system.health",
            Self::SystemStartup => "system.startup",
            Self::SystemShutdown => "system.shutdown",
            Self::SystemStorage => "system.storage",
        }
    }

    /// When it is told.
    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::CameraConnected => "A camera is there: plugged in, or added",
            Self::CameraDisconnected => "A camera's device is gone, or it was taken out",
            Self::CameraStatusChange => "A camera fails or works again, or has another name",
            Self::RecordingStart => "A recording's first file lies in its folder, with its first picture",
            Self::RecordingStop => "A recording has ended as it should; its files are complete",
            Self::RecordingError => "A recording ended before its time; no `recording.stop` follows",
            Self::RecordingSegment => "A recording goes on in another file",
            Self::SnapshotTaken => "A snapshot lies in its folder",
            Self::SystemHealth => "`get_status` would answer otherwise than before, figures apart",
            Self::SystemStartup => "The service has started: the first event of an epoch",
            Self::SystemShutdown => "The service is about to stop",
            Self::SystemStorage => {
                "Usage has crossed `storage.warn_percent` or `storage.block_percent`, up or down"
            }
        }
    }

    /// The method of its notifications.
    pub(crate) fn method(self) -> &'static str {
        let of = |(prefix, _): &&(&str, &str)| self.name().starts_with(prefix);
        METHODS.iter().find(of).map_or("", |(_, method)| method)
    }

    /// The least role that may hear of it.
    pub(crate) fn least(self) -> Role {
        match self {
            Self::RecordingStart
            | Self::RecordingStop
            | Self::RecordingError
            | Self::RecordingSegment
            | Self::SnapshotTaken => Role::Operator,
            Self::CameraConnected
            | Self::CameraDisconnected
            | Self::CameraStatusChange
            | Self::SystemHealth
            | Self::SystemStartup
            | Self::SystemShutdown
            | Self::SystemStorage => Role::Viewer,
        }
    }

    /// Where an event belongs.
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Camera(CameraChange::Connected, _) => Self::CameraConnected,
            Event::Camera(CameraChange::Disconnected, _) => Self::CameraDisconnected,
            Event::Camera(CameraChange::Status, _) => Self::CameraStatusChange,
            Event::Recording(RecordingChange::Start, _) => Self::RecordingStart,
            Event::Recording(RecordingChange::Stop, _) => Self::RecordingStop,
            Event::Recording(RecordingChange::Error, _) => Self::RecordingError,
            Event::Recording(RecordingChange::Segment, _) => Self::RecordingSegment,
            Event::SnapshotTaken { .. } => Self::SnapshotTaken,
            Event::Health(_) => Self::SystemHealth,
            Event::Startup => Self::SystemStartup,
            Event::Shutdown => Self::SystemShutdown,
            Event::Storage { .. } => Self::SystemStorage,
        }
    }
}

/// A set of topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Topics(u16);

impl Topics {
    pub(crate) fn all() -> Self {
        Topic::ALL.into_iter().collect()
    }

    pub(crate) fn has(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u16 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.has(*topic))
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<T: IntoIterator<Item = Topic>>(topics: T) -> Self {
        Self(topics.into_iter().fold(0, |set, topic| set | 1 << topic as u16))
    }
}

/// What a client may write among `topics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// This one.
    Named(Topic),
    /// Whatever there is of these.
    Any(Topics),
}

impl Wish {
    /// A topic, a group such as `camera.*`, `*`, or a group by its older name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(topic) = Topic::ALL.into_iter().find(|topic| topic.name() == text) {
            return Some(Self::Named(topic));
        }
        let prefix = match text.strip_suffix('*') {
            Some("") => return Some(Self::Any(Topics::all())),
            Some(prefix) => METHODS.iter().find(|(known, _)| *known == prefix),
            None => METHODS.iter().find(|(_, method)| *method == text),
        };
        let (prefix, _) = prefix?;
        Some(Self::Any(Topic::ALL.into_iter().filter(|topic| topic.name().starts_with(prefix)).collect()))
    }

    /// All that is meant, whoever asks.
    pub(crate) fn topics(self) -> Topics {
        match self {
            Self::Named(topic) => [topic].into_iter().collect(),
            Self::Any(topics) => topics,
        }
    }
}

/// What `role` is granted of its wishes; an error: the role that a named topic needs.
pub(crate) fn grant(wishes: &[Wish], role: Role) -> Result<Topics, Role> {
    let refused = wishes.iter().find_map(|wish| match wish {
        Wish::Named(topic) => Some(topic.least()).filter(|least| role < *least),
        Wish::Any(_) => None,
    });
    match refused {
        Some(least) => Err(least),
        None => Ok(wishes
            .iter()
            .flat_map(|wish| wish.topics().iter())
            .filter(|topic| role >= topic.least())
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(texts: &[&str], role: Role) -> Result<Vec<&'static str>, Role> {
        let wishes: Vec<Wish> = texts.iter().map(|text| Wish::parse(text).unwrap()).collect();
        grant(&wishes, role).map(|topics| topics.iter().map(Topic::name).collect())
    }

    #[test]
    fn wildcards_and_older_names() {
        let cameras = ["camera.connected", "camera.disconnected", "camera.status_change"];
        for text in ["camera.*", "camera_status_update"] {
            assert_eq!(granted(&[text], Role::Viewer).unwrap(), cameras, "{text}");
        }
        assert_eq!(granted(&["snapshot_status_update"], Role::Operator).unwrap(), ["snapshot.taken"]);
        assert_eq!(granted(&["recording_status_update"], Role::Admin).unwrap().len(), 4);
        assert_eq!(granted(&["system_health_update", "system.health"], Role::Viewer).unwrap().len(), 4);
        for topic in Topic::ALL {
            assert_eq!(Wish::parse(topic.name()), Some(Wish::Named(topic)));
            assert!(Wish::parse(topic.method()).unwrap().topics().has(topic));
        }
        for bad in ["", "camera", "camera.", "cam*", "camera.**", "*.start", "camera.c*", "Camera.*", "**"] {
            assert_eq!(Wish::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wildcard_gives_what_the_role_may_hear() {
        assert_eq!(granted(&["*"], Role::Viewer).unwrap().len(), 7);
        assert_eq!(granted(&["*"], Role::Operator).unwrap().len(), 12);
        assert_eq!(granted(&["recording.*", "snapshot.*"], Role::Viewer).unwrap(), [""; 0]);
        assert_eq!(granted(&["camera.*", "recording.stop"], Role::Viewer), Err(Role::Operator));
        assert_eq!(granted(&["snapshot.taken"], Role::Operator).unwrap(), ["snapshot.taken"]);
    }
}
