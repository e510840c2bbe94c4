//! Beginning what a message asks for, the same for every transport: what only looks ends with whoever
//! waits for it, what changes the world is finished without anybody.

use std::{pin::Pin, sync::Arc};

use tokio::sync::{Semaphore, oneshot};

use super::{Admitted, Effect, Item, Outcome, Peer, Service, Task, reply};
use crate::{
    events::{Hold, Subscriber},
    security::Session,
    wire::Error,
};

/// A reply's text, and the error in it for a transport that has a status of its own.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) error: Option<Error>,
}

/// One request that was taken on: its reply is there, or will be. `None`: it gets none.
pub(crate) enum Begun {
    Done(Option<Reply>),
    /// With the hold on events until the reply has left.
    Working(Pin<Box<dyn Future<Output = Option<Reply>> + Send>>, Option<Hold>),
}

/// Checks a request and begins what it asks for. Must be called in the order in which requests arrived.
/// `commands`: one permit for each command at work.
pub(crate) async fn begin(
    service: &Arc<Service>,
    commands: &Arc<Semaphore>,
    item: Item,
    session: &mut Session,
    peer: &Peer,
) -> Begun {
    let mut request = match item {
        Ok(request) => request,
        Err(text) => return Begun::Done(text.map(|text| Reply { text, error: None })),
    };
    let id = request.id.take();
    let answer = move |outcome: Outcome| {
        let text = reply(&id?, &outcome);
        Some(Reply { text, error: outcome.err() })
    };
    match service.admit(request, session, peer) {
        Admitted::Answered(outcome) => Begun::Done(answer(outcome)),
        Admitted::Task(task) if task.effect() == Effect::Read => {
            let hold = peer.subscriber.as_ref().filter(|_| task.holds_events()).map(Subscriber::hold);
            Begun::Working(Box::pin(async move { answer(task.run().await) }), hold)
        }
        Admitted::Task(task) => {
            let told = command(commands, task).await;
            Begun::Working(Box::pin(async move { answer(told.await.ok()?) }), None)
        }
    }
}

/// What changes the world is finished even when the client leaves.
async fn command(commands: &Arc<Semaphore>, task: Box<Task>) -> oneshot::Receiver<Outcome> {
    // Never closed, so there is always one in the end.
    let slot = commands.clone().acquire_owned().await.ok();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        // An error: nobody waits for the answer any more.
        let _ = tell.send(task.run().await);
        drop(slot);
    });
    told
}
