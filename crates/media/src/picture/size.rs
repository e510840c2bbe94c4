//! The size of a picture file, read from its head: JPEG frame headers and PNG's first chunk.

/// Width and height in pixels of the JPEG or PNG file that begins with `head`; `None` when it is neither
/// or the size stands further behind. Ours stands within the first 4 KiB.
pub fn size_in(head: &[u8]) -> Option<(u32, u32)> {
    // ISO/IEC 15948 section 5.2: signature, then IHDR, whose length is always 13.
    if let Some(rest) = head.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") {
        let side = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        return Some((side(0)?, side(4)?));
    }
    let mut rest = head.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            // T.81 table B.1: SOF0 to SOF15 but for DHT, JPG and DAC.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                // Length, precision, height, width.
                let [height_high, height_low, width_high, width_low] = *rest.get(5..9)? else { return None };
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                return Some((side(width_high, width_low), side(height_high, height_low)));
            }
            // Start of scan: no frame header before the picture is none at all.
            0xda => return None,
            _ => rest = rest.get(2 + length..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_and_nonsense_is_not_one() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\x68";
        assert_eq!(size_in(png), Some((640, 360)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xfe\0\x03x\xff\xc0\0\x11\x08\x01\x68\x02\x80\x03";
        assert_eq!(size_in(jpeg), Some((640, 360)));
        for cut in 0..jpeg.len() - 1 {
            assert_eq!(size_in(&jpeg[..cut]), None, "{cut}");
        }
        for cut in 0..png.len() {
            assert_eq!(size_in(&png[..cut]), None, "{cut}");
        }
        assert_eq!(size_in(b"\xff\xd8\xff\xda\0\x02"), None);
        assert_eq!(size_in(b"\xff\xd8\xff\xe0\0\0\xff\xc0\0\x11\x08\x01\x68\x02\x80\x03"), None);
        assert_eq!(size_in(b"GIF89a"), None);
    }
}
