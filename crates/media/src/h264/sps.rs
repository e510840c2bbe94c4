//! Sequence parameter sets (ITU-T H.264 section 7.3.2.1.1 and annex E).

use super::{Malformed, Matrix, SpsInfo, bits::Bits, level};

/// Profiles whose SPS tells chroma format and bit depth.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Largest side we believe in; level 6.2 allows 16,880.
const MAX_SIDE: u32 = 16_384;

/// Reads an SPS (with its NAL header byte).
pub fn parse_sps(nal: &[u8]) -> Result<SpsInfo, Malformed> {
    if nal.first().map(|head| head & 0x1f) != Some(super::nal_type::SPS) {
        return Err(Malformed("not a sequence parameter set"));
    }
    let mut bits = Bits::of_nal(nal);
    let mut info = SpsInfo {
        profile_idc: bits.bits(8)? as u8,
        constraints: bits.bits(8)? as u8,
        level_idc: bits.bits(8)? as u8,
        ..SpsInfo::default()
    };
    at_most(bits.ue()?, 31, "parameter set id")?;
    let chroma = chroma_format(&mut bits, info.profile_idc)?;
    bits.ue()?; // log2_max_frame_num_minus4
    let poc_type = order_count(&mut bits)?;
    let max_refs = at_most(bits.ue()?, 16, "reference frames")?;
    bits.bit()?; // gaps_in_frame_num_value_allowed_flag
    let mbs = |bits: &mut Bits| -> Result<u32, Malformed> {
        Ok(at_most(bits.ue()?, MAX_SIDE / 16 - 1, "size")? + 1)
    };
    let (mbs_wide, units_high) = (mbs(&mut bits)?, mbs(&mut bits)?);
    let frame_mbs_only = bits.bit()?;
    if !frame_mbs_only {
        bits.bit()?; // mb_adaptive_frame_field_flag
    }
    bits.bit()?; // direct_8x8_inference_flag
    let fields = if frame_mbs_only { 1 } else { 2 };
    let (full_width, full_height) = (mbs_wide * 16, units_high * 16 * fields);
    let (crop_x, crop_y) = cropping(&mut bits, chroma, fields)?;
    info.width = full_width.checked_sub(crop_x).filter(|w| *w > 0).ok_or(Malformed("cropped to nothing"))?;
    info.height =
        full_height.checked_sub(crop_y).filter(|h| *h > 0).ok_or(Malformed("cropped to nothing"))?;
    let told = if bits.bit()? { vui(&mut bits, &mut info)? } else { None };
    info.tells_reordering = told.is_some_and(|frames| frames > 0);
    info.reorder_frames = match told {
        Some(frames) => frames,
        // Baseline has no B slices; order type 2 forbids reordering (section 8.2.1.3).
        None if info.profile_idc == 66 || poc_type == 2 || max_refs == 0 => 0,
        None => level::max_dpb_frames(info.level_idc, mbs_wide * units_high * fields).min(16) as u8,
    };
    Ok(info)
}

fn at_most(value: u32, max: u32, what: &'static str) -> Result<u32, Malformed> {
    if value <= max { Ok(value) } else { Err(Malformed(what)) }
}

fn chroma_format(bits: &mut Bits, profile: u8) -> Result<u32, Malformed> {
    if !HIGH_PROFILES.contains(&profile) {
        return Ok(1);
    }
    let chroma = at_most(bits.ue()?, 3, "chroma format")?;
    if chroma == 3 {
        bits.bit()?; // separate_colour_plane_flag
    }
    at_most(bits.ue()?, 6, "bit depth")?;
    at_most(bits.ue()?, 6, "bit depth")?;
    bits.bit()?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.bit()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(chroma)
}

/// Section 7.3.2.1.1.1: only skipped over.
fn scaling_list(bits: &mut Bits, size: usize) -> Result<(), Malformed> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se()?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

fn order_count(bits: &mut Bits) -> Result<u32, Malformed> {
    let poc_type = at_most(bits.ue()?, 2, "order count type")?;
    match poc_type {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.bit()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..at_most(bits.ue()?, 255, "order count cycle")? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Ok(poc_type)
}

/// Pixels cut off across and down (equations 7-19 to 7-22).
fn cropping(bits: &mut Bits, chroma: u32, fields: u32) -> Result<(u32, u32), Malformed> {
    if !bits.bit()? {
        return Ok((0, 0));
    }
    let (unit_x, unit_y) = match chroma {
        0 | 3 => (1, fields),
        1 => (2, 2 * fields),
        _ => (2, fields),
    };
    let mut side = || at_most(bits.ue()?, MAX_SIDE, "cropping");
    let (left, right, top, bottom) = (side()?, side()?, side()?, side()?);
    Ok(((left + right) * unit_x, (top + bottom) * unit_y))
}

/// Annex E.1.1; returns `max_num_reorder_frames` when it is told.
fn vui(bits: &mut Bits, info: &mut SpsInfo) -> Result<Option<u8>, Malformed> {
    const EXTENDED_SAR: u32 = 255;
    if bits.bit()? && bits.bits(8)? == EXTENDED_SAR {
        bits.bits(32)?;
    }
    if bits.bit()? {
        bits.bit()?; // overscan_appropriate_flag
    }
    if bits.bit()? {
        bits.bits(3)?; // video_format
        info.full_range = bits.bit()?;
        if bits.bit()? {
            bits.bits(16)?; // colour primaries, transfer characteristics
            info.matrix = match bits.bits(8)? {
                1 => Matrix::Bt709,
                5 | 6 => Matrix::Bt601,
                _ => Matrix::Unspecified,
            };
        }
    }
    if bits.bit()? {
        bits.ue()?;
        bits.ue()?; // chroma sample locations
    }
    if bits.bit()? {
        let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
        bits.bit()?; // fixed_frame_rate_flag
        // Two ticks a frame (equation D-2 and table D-1).
        let fps = f64::from(scale) / (2.0 * f64::from(tick));
        info.fps = (tick > 0 && (0.1..=1000.0).contains(&fps)).then_some(fps);
    }
    let (nal_hrd, vcl_hrd) = (hrd(bits)?, hrd(bits)?);
    if nal_hrd || vcl_hrd {
        bits.bit()?; // low_delay_hrd_flag
    }
    bits.bit()?; // pic_struct_present_flag
    if !bits.bit()? {
        return Ok(None);
    }
    bits.bit()?;
    for _ in 0..4 {
        bits.ue()?; // limits on bytes, bits and motion vectors
    }
    Ok(Some(at_most(bits.ue()?, 16, "reordering")? as u8))
}

/// Annex E.1.2: only skipped over; was it there?
fn hrd(bits: &mut Bits) -> Result<bool, Malformed> {
    if !bits.bit()? {
        return Ok(false);
    }
    let count = at_most(bits.ue()?, 31, "buffer count")? + 1;
    bits.bits(8)?;
    for _ in 0..count {
        bits.ue()?;
        bits.ue()?;
        bits.bit()?;
    }
    bits.bits(20)?;
    Ok(true)
}
