//! Spans in a request of OTLP, read from Protocol Buffers by the numbers of their fields.

/// A span that was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSpan {
    /// The id of its trace.
    pub trace: u128,
    pub name: String,
}

/// The spans in an `ExportTraceServiceRequest`; `None` if it is not valid.
pub fn spans(request: &[u8]) -> Option<Vec<ExportedSpan>> {
    let mut spans = Vec::new();
    for resource_spans in fields(request, 1)? {
        for scope_spans in fields(resource_spans, 2)? {
            for span in fields(scope_spans, 2)? {
                spans.push(read_span(span)?);
            }
        }
    }
    Some(spans)
}

/// Reads a `Span`.
fn read_span(span: &[u8]) -> Option<ExportedSpan> {
    let trace = <[u8; 16]>::try_from(*fields(span, 1)?.first()?).ok()?;
    let names = fields(span, 5)?;
    let name = str::from_utf8(names.first()?).ok()?;
    Some(ExportedSpan {
        trace: u128::from_be_bytes(trace),
        name: name.to_owned(),
    })
}

/// The fields of a message with this number that have a length: texts, octets and messages.
fn fields(mut message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let (known, wire_type) = (key >> 3, key & 7);
        let length = match wire_type {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (field, rest) = message.split_at_checked(length)?;
        message = rest;
        if wire_type == 2 && known == number {
            found.push(field);
        }
    }
    Some(found)
}

/// Takes a number of variable length from the beginning of a message.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for shift in (0..64_u32).step_by(7) {
        let (&octet, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with a length below 128.
    fn field(number: u8, octets: &[u8]) -> Vec<u8> {
        let length = u8::try_from(octets.len()).expect("a short field");
        [&[(number << 3) | 2, length][..], octets].concat()
    }

    fn request() -> Vec<u8> {
        let mut span = field(1, &[1; 16]);
        // A kind, a time and flags, which have no length.
        span.extend([0x30, 0x82, 0x01]);
        span.extend([0x39, 1, 2, 3, 4, 5, 6, 7, 8]);
        span.extend([0x85, 0x01, 1, 0, 0, 0]);
        span.extend(field(5, b"accept"));
        let scope = [field(1, b"scope"), field(2, &span), field(2, &span)].concat();
        field(1, &[field(1, b"resource"), field(2, &scope)].concat())
    }

    #[test]
    fn spans_have_their_trace_and_name() {
        let span = ExportedSpan {
            trace: u128::from_be_bytes([1; 16]),
            name: "accept".to_owned(),
        };
        assert_eq!(spans(&request()), Some(vec![span.clone(), span]));
        assert_eq!(spans(b""), Some(Vec::new()));
    }

    #[test]
    fn a_request_that_is_cut_is_not_valid() {
        let request = request();
        for end in 1..request.len() {
            assert_eq!(spans(&request[..end]), None, "{end} octets");
        }
        assert_eq!(spans(&[0xff; 11]), None);
    }
}
