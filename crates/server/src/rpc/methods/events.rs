//! Subscriptions of the caller's connection.

use std::sync::Arc;

use crate::{
    events::{Refused, Stats, Subscriber, Topic, Topics, Wish, Wishes},
    rpc::Caller,
    wire::{
        Code, Error, Filters, GlobalStats, Nothing, SubscribeEvents, Subscribed, SubscriptionStats,
        UnsubscribeEvents, Unsubscribed,
    },
};

/// Hears of more.
pub(crate) fn subscribe_events(caller: &Caller, wish: &SubscribeEvents) -> Result<Subscribed, Error> {
    let subscriber = connection(caller)?;
    let topics = wishes(&wish.topics)?;
    let wishes = Wishes { topics: &topics, devices: wish.devices.as_ref(), since: wish.since.as_ref() };
    let role = caller.principal.role;
    let session = caller.session.as_ref().filter(|session| caller.service.access.is_good(session));
    // A token of the call's own lends the session nothing: the lesser role counts, and is the one told.
    let counts = session.map_or(role, |session| session.role.min(role));
    let granted = subscriber.subscribe(session, counts, &wishes).map_err(|refused| match refused {
        Refused::NoSession => Error::new(
            Code::InvalidState,
            "a subscription belongs to a session: call authenticate on this connection",
        )
        .with("state", "NO_SESSION")
        .with("allowed_states", vec!["AUTHENTICATED"]),
        Refused::Role(least) => Error::forbidden(least, counts),
    })?;
    Ok(Subscribed {
        subscribed: true,
        topics: names(granted.topics),
        filters: Filters { device: wish.devices.as_ref().map(|devices| devices.asked.clone()) },
        epoch: granted.epoch.to_string(),
        seq: granted.seq,
        gap: granted.gap,
        replayed: granted.replayed,
    })
}

/// Hears of less.
pub(crate) fn unsubscribe_events(caller: &Caller, wish: &UnsubscribeEvents) -> Result<Unsubscribed, Error> {
    let subscriber = connection(caller)?;
    let topics = wish.topics.as_deref().map(wishes).transpose()?;
    Ok(Unsubscribed { unsubscribed: true, topics: names(subscriber.unsubscribe(topics.as_deref())) })
}

/// Who hears what.
pub(crate) fn get_subscription_stats(caller: &Caller, _: &Nothing) -> Result<SubscriptionStats, Error> {
    let subscriber = connection(caller)?;
    let Stats { clients, by_topic } = caller.service.events.stats();
    Ok(SubscriptionStats {
        global_stats: GlobalStats {
            total_subscriptions: by_topic.iter().map(|(_, count)| count).sum(),
            active_clients: clients,
            topic_counts: by_topic.iter().map(|(topic, count)| (topic.name(), *count)).collect(),
        },
        client_topics: names(subscriber.topics()),
        client_id: subscriber.client_id().to_owned(),
    })
}

/// Where the caller's connection hears of events.
fn connection(caller: &Caller) -> Result<&Arc<Subscriber>, Error> {
    caller.subscriber.as_ref().ok_or_else(|| {
        Error::new(Code::Unsupported, "events are told on a WebSocket connection").with("feature", "session")
    })
}

fn wishes(texts: &[String]) -> Result<Vec<Wish>, Error> {
    let wish = |text: &String| {
        Wish::parse(text).ok_or_else(|| {
            let known: Vec<&str> = Topic::ALL.into_iter().map(Topic::name).collect();
            let reason = format!("topics are {}, groups such as camera.*, and *", known.join(", "));
            Error::param("topics", "choice", reason)
        })
    };
    texts.iter().map(wish).collect()
}

fn names(topics: Topics) -> Vec<&'static str> {
    topics.iter().map(Topic::name).collect()
}
