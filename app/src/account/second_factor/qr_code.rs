//! QR codes (ISO/IEC 18004) as inline SVG.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::server_prelude::*;

/// The light modules around a code, as its standard requires.
const QUIET_ZONE: i32 = 4;

/// The path of the dark modules, a rectangle for each horizontal run.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y));
            let length = run.count() as i32;
            if length > 0 {
                path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
            }
            x += length + 1;
        }
    }
    path
}

/// The QR code of a text, black on white in every colour scheme; nothing where the text is too long for one.
#[component]
pub fn QrCodeImage(text: String, label: &'static str) -> AnyView {
    let Ok(code) = QrCode::encode_text(&text, QrCodeEcc::Medium) else {
        return ().into_any();
    };
    let side = code.size() + 2 * QUIET_ZONE;
    let view_box = format!("-{QUIET_ZONE} -{QUIET_ZONE} {side} {side}");
    view! {
        <svg
            class="qr-code"
            width="220"
            height="220"
            viewBox=view_box
            shape-rendering="crispEdges"
            role="img"
            aria-label=label
        >
            <rect x=-QUIET_ZONE y=-QUIET_ZONE width=side height=side fill="#fff" />
            <path d=path(&code) fill="#000" />
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_covers_the_dark_modules_and_no_others() {
        let code = QrCode::encode_text("otpauth://totp/Postern:a", QrCodeEcc::Medium);
        let code = code.expect("short enough");
        let mut drawn = std::collections::BTreeSet::new();
        for run in path(&code).split('M').filter(|run| !run.is_empty()) {
            let (start, rest) = run.split_once('h').expect("a run");
            let (x, y) = start.split_once(' ').expect("two coordinates");
            let (length, _) = rest.split_once('v').expect("a length");
            let [x, y, length]: [i32; 3] = [x, y, length].map(|n| n.parse().expect("a number"));
            drawn.extend((x..x + length).map(|x| (x, y)));
        }
        let side = code.size();
        for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))) {
            assert_eq!(drawn.contains(&(x, y)), code.get_module(x, y), "{x} {y}");
        }
    }
}
