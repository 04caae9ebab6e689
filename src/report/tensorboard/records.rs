//! TFRecord: the framing of event files.

/// Appends one record: its length (8 bytes, little-endian), the masked checksum of these, the bytes, and theirs.
pub fn append(file: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    for part in [&length[..], record] {
        file.extend(part);
        file.extend(masked(crc32c::crc32c(part)).to_le_bytes());
    }
}

/// A checksum of data that hold their own checksum is weak, so the format stores another number.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_as_tensorboard_frames_them() {
        // Written by the RecordWriter of TensorBoard 2.21.
        let expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c";
        let mut file = Vec::new();
        append(&mut file, b"\t\0\0\0\0\0\0\xf8?\x1a\rbrain.Event:2");
        assert_eq!(data_encoding::HEXLOWER.encode(&file), expected);
    }
}
