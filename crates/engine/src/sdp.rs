//! What a stream is, in SDP (RFC 8866), as the answer to DESCRIBE. One H.264 track, nothing else.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::{CLOCK_HZ, ParamSets};

use crate::rtp::PAYLOAD_TYPE;

/// Describes a live stream of one H.264 track. `origin_id` names the description (RFC 8866 section
/// 5.2): another number for other parameter sets.
pub fn describe(params: &ParamSets, origin_id: u64) -> String {
    let info = &params.info;
    let sets: Vec<String> =
        std::iter::once(&params.sps).chain(&params.pps).map(|nal| STANDARD.encode(nal)).collect();
    // No address: the viewer has it from its connection (RFC 2326 appendix C.1.7).
    let mut sdp = format!(
        "v=0\r\no=- {origin_id} {origin_id} IN IP4 0.0.0.0\r\ns=Camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n\
         m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}\r\n\
         a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={:02X}{:02X}{:02X};sprop-parameter-sets={}\r\n",
        info.profile_idc,
        info.constraints,
        info.level_idc,
        sets.join(","),
    );
    if let Some(fps) = info.fps.filter(|fps| fps.is_finite() && *fps > 0.0) {
        // Three digits tell 29.97 from 30; more would only be noise of a division.
        let _ = write!(sdp, "a=framerate:{}\r\n", (fps * 1000.0).round() / 1000.0);
    }
    sdp.push_str("a=control:trackID=0\r\n");
    sdp
}
