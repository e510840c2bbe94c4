//! Streams and where to watch them.

use crate::{
    rpc::Caller,
    wire::{Error, OfCamera, Stream, StreamUrl},
};

/// All streams the caller may know.
pub(crate) fn get_streams(caller: &Caller) -> Vec<Stream> {
    let streams = caller.controller().streams().into_iter();
    streams.filter(|stream| caller.scope().holds(stream.id)).map(Into::into).collect()
}

/// Where one camera is watched.
pub(crate) fn get_stream_url(caller: &Caller, of: &OfCamera) -> Result<StreamUrl, Error> {
    let detail = caller.controller().camera(of.device).map_err(|error| caller.failed(error))?;
    Ok(StreamUrl::new(&detail, &caller.urls))
}
