//! Precompresses assets with brotli and gzip.

use anyhow::Result;
use brotli::enc::{BrotliEncoderParams, backward_references::BrotliEncoderMode};
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write, path::Path};

/// Writes `.br` and `.gz` beside a file unless they save less than 5 % (fonts, images).
pub fn beside(file: &Path) -> Result<()> {
    let plain = fs::read(file)?;
    for (ending, packed) in [("br", brotli(&plain)?), ("gz", gzip(&plain)?)] {
        if packed.len() * 20 < plain.len() * 19 {
            fs::write(format!("{}.{ending}", file.display()), packed)?;
        }
    }
    Ok(())
}

fn brotli(plain: &[u8]) -> Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: 11,
        // The largest window of RFC 7932, section 9.1.
        lgwin: 24,
        mode: BrotliEncoderMode::BROTLI_MODE_GENERIC,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*plain, &mut packed, &parameters)?;
    Ok(packed)
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}
