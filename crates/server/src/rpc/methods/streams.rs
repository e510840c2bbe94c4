//! Streams, where to watch them, and keeping them ready.

use crate::{
    rpc::Caller,
    wire::{Error, OfCamera, Stream, StreamStatus, StreamUrl, Streaming, StreamingEnd},
};

/// All streams the caller may know.
pub(crate) fn get_streams(caller: &Caller) -> Vec<Stream> {
    let streams = caller.controller().streams().into_iter();
    streams.filter(|stream| caller.scope().holds(stream.id)).map(Into::into).collect()
}

/// Where one camera is watched, by whoever has this answer.
pub(crate) fn get_stream_url(caller: &Caller, of: &OfCamera) -> Result<StreamUrl, Error> {
    let detail = caller.controller().camera(of.device).map_err(|error| caller.failed(error))?;
    caller.controller().viewers_served().map_err(|error| caller.failed(error))?;
    let viewing = &caller.service.viewing;
    let ticket = viewing.ticket(&caller.principal, of.device);
    let guarded = viewing.is_guarded(caller.urls.is_loopback());
    Ok(StreamUrl::new(&detail, &caller.urls, ticket, guarded))
}

/// What one stream is doing.
pub(crate) fn get_stream_status(caller: &Caller, of: &OfCamera) -> Result<StreamStatus, Error> {
    let stream = caller.controller().stream(of.device).map_err(|error| caller.failed(error))?;
    Ok(stream.into())
}

/// Keeps a stream ready for the caller.
pub(crate) async fn start_streaming(caller: Caller, of: OfCamera) -> Result<Streaming, Error> {
    let started = caller.controller().start_streaming(of.device, &caller.principal.key()).await;
    started.map(|started| Streaming::new(&started, &caller.urls)).map_err(|error| caller.failed(error))
}

/// Keeps it ready no longer.
pub(crate) async fn stop_streaming(caller: Caller, of: OfCamera) -> Result<StreamingEnd, Error> {
    let stopped = caller.controller().stop_streaming(of.device, &caller.principal.key());
    stopped.map(Into::into).map_err(|error| caller.failed(error))
}
