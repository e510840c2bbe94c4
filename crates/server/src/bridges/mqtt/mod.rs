//! Events to an MQTT broker: a publisher of version 3.1.1 with one message on its way at a time, so that they
//! stay in order. Hears nothing but the broker's answers: it subscribes to nothing.

mod packet;

use std::time::Duration;

use control::Backoff;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{
    courier::Carrier,
    link::{Stream, Target},
};
use crate::{events::Telling, security::Secret};
pub(crate) use packet::Qos;
use packet::{Connect, Heard};

/// A sign of life after so long: the broker takes us for gone after one and a half of it (section 3.1.2.10).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Between attempts to reach a broker while there is nothing to tell it.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What stands at `PREFIX/status`.
const ONLINE: &str = "online";
const OFFLINE: &str = "offline";

/// Where events go, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct MqttTo {
    pub(crate) target: Target,
    pub(crate) client_id: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Begins each topic.
    pub(crate) topic_prefix: String,
    pub(crate) qos: Qos,
}

/// The carrier.
pub(super) struct Mqtt {
    to: MqttTo,
    /// Longest wait for a connection.
    attempt: Duration,
    session: Option<Session>,
    backoff: Backoff,
    dial_at: Instant,
    /// That the broker cannot be reached has been told.
    is_told: bool,
}

/// A connection that the broker has accepted.
struct Session {
    since: Instant,
    stream: Box<dyn Stream>,
    /// Bytes that have come and are no whole packet yet.
    came: Vec<u8>,
    /// Bytes that have not left yet: a write that is dropped in the middle goes on from here.
    leaving: Vec<u8>,
    last_id: u16,
    ping_at: Instant,
    /// A ping is not answered yet.
    awaits_pong: bool,
}

impl MqttTo {
    fn status(&self) -> String {
        format!("{}/status", self.topic_prefix)
    }

    fn topic(&self, told: &Telling) -> String {
        let (prefix, topic) = (&self.topic_prefix, told.topic());
        told.device()
            .map_or_else(|| format!("{prefix}/{topic}"), |device| format!("{prefix}/{topic}/{device}"))
    }

    async fn connect(&self) -> Result<Session, String> {
        let stream = self.target.connect().await?;
        let since = Instant::now();
        let mut session = Session {
            since,
            stream,
            came: Vec::new(),
            leaving: Vec::new(),
            last_id: 0,
            ping_at: since + KEEP_ALIVE,
            awaits_pong: false,
        };
        let status = self.status();
        let connect = Connect {
            client_id: &self.client_id,
            user: self.user.as_deref(),
            password: self.password.as_ref().map(Secret::bytes),
            will: (&status, OFFLINE),
            keep_alive_s: KEEP_ALIVE.as_secs() as u16,
        };
        session.leaving.extend(connect.encode());
        session.flush().await?;
        match session.hear().await? {
            Heard::Connected(0) => {}
            Heard::Connected(code) => return Err(packet::refusal(code).to_owned()),
            other => return Err(format!("the broker begins with {other:?}")),
        }
        session.publish(&status, ONLINE.as_bytes(), Qos::AtLeastOnce, true).await?;
        Ok(session)
    }
}

impl Session {
    /// May be dropped at its await.
    async fn flush(&mut self) -> Result<(), String> {
        while !self.leaving.is_empty() {
            let sent = self.stream.write(&self.leaving).await.map_err(|cause| cause.to_string())?;
            if sent == 0 {
                return Err("the broker takes no more".into());
            }
            self.leaving.drain(..sent);
        }
        self.stream.flush().await.map_err(|cause| cause.to_string())
    }

    /// The next packet. May be dropped at its await.
    async fn hear(&mut self) -> Result<Heard, String> {
        loop {
            if let Some((heard, length)) = packet::decode(&self.came)? {
                self.came.drain(..length);
                self.awaits_pong &= heard != Heard::Pong;
                return Ok(heard);
            }
            // Less than a packet is left, so this stays small.
            let mut buffer = [0; 64];
            match self.stream.read(&mut buffer).await.map_err(|cause| cause.to_string())? {
                0 => return Err("the broker has closed the connection".into()),
                length => self.came.extend(&buffer[..length]),
            }
        }
    }

    /// Sends it, and waits for the broker's word where there is to be one.
    async fn publish(&mut self, topic: &str, message: &[u8], qos: Qos, kept: bool) -> Result<(), String> {
        // 0 is no id (section 2.3.1).
        let id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id = id;
        self.leaving.extend(packet::publish(topic, message, qos, kept, id));
        self.flush().await?;
        self.ping_at = Instant::now() + KEEP_ALIVE;
        if qos == Qos::AtMostOnce {
            return Ok(());
        }
        loop {
            match self.hear().await? {
                Heard::Taken(taken) if taken == id => return Ok(()),
                Heard::Pong => {}
                other => return Err(format!("the broker says {other:?} to message {id}")),
            }
        }
    }

    /// Shows signs of life until the connection has ended. May be dropped at any await.
    async fn keep(&mut self) -> String {
        loop {
            let due = self.ping_at;
            let outcome = tokio::select! {
                heard = self.hear() => match heard {
                    Ok(Heard::Pong) => Ok(()),
                    Ok(other) => Err(format!("the broker says {other:?} to nobody")),
                    Err(why) => Err(why),
                },
                () = sleep_until(due) => {
                    if self.awaits_pong {
                        return "the broker shows no sign of life".into();
                    }
                    self.awaits_pong = true;
                    self.ping_at = Instant::now() + KEEP_ALIVE;
                    self.leaving.extend(packet::PING);
                    self.flush().await
                }
            };
            if let Err(why) = outcome {
                return why;
            }
        }
    }
}

impl Mqtt {
    pub(super) fn new(to: MqttTo, attempt: Duration) -> Self {
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        Self { to, attempt, session: None, backoff, dial_at: Instant::now(), is_told: false }
    }
}

impl Carrier for Mqtt {
    async fn carry(&mut self, told: &Telling) -> Result<(), String> {
        // Taken: an attempt that is dropped in the middle takes its connection with it.
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.to.connect().await?,
        };
        session.publish(&self.to.topic(told), told.text().as_bytes(), self.to.qos, false).await?;
        self.session = Some(session);
        Ok(())
    }

    async fn rest(&mut self) {
        loop {
            if let Some(session) = &mut self.session {
                let why = session.keep().await;
                tracing::debug!(%why, "the connection to the MQTT broker has ended");
                // One that is sent away at once, by another client of the same id, say, must not come back at once.
                if session.since.elapsed() >= LONGEST_WAIT {
                    self.backoff.reset();
                }
                self.dial_at = Instant::now() + self.backoff.after_failure();
                self.session = None;
            }
            sleep_until(self.dial_at).await;
            let attempt = timeout(self.attempt, self.to.connect()).await;
            match attempt.unwrap_or_else(|_| Err("no answer in time".into())) {
                Ok(session) => {
                    self.is_told = false;
                    self.session = Some(session);
                }
                Err(why) => {
                    if !std::mem::replace(&mut self.is_told, true) {
                        tracing::warn!(%why, "the MQTT broker cannot be reached; it is tried again");
                    }
                    self.dial_at = Instant::now() + self.backoff.after_failure();
                }
            }
        }
    }

    async fn leave(&mut self) {
        let Some(session) = &mut self.session else { return };
        // An error: the broker publishes the will instead, which says the same.
        if session.publish(&self.to.status(), OFFLINE.as_bytes(), Qos::AtLeastOnce, true).await.is_ok() {
            session.leaving.extend(packet::DISCONNECT);
            let _ = session.flush().await;
            let _ = session.stream.shutdown().await;
        }
    }
}
