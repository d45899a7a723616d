//! A text as a QR code, drawn here: no address ever leaves the page to be drawn elsewhere.

use qrcodegen::{QrCode, QrCodeEcc};
use yew::{Html, Properties, component, html};

#[derive(Properties, Clone, PartialEq)]
pub struct QrProps {
    pub text: String,
}

/// Light modules around the code, as its standard asks for.
const QUIET: i32 = 4;

/// The code, or why there is none. Dark on white in every theme: cameras expect that.
#[component]
pub fn Qr(props: &QrProps) -> Html {
    match drawn(&props.text) {
        Some((size, d)) => html! {
            <svg class="qr" viewBox={format!("0 0 {size} {size}")} role="img" aria-label="QR code of the run's address" shape-rendering="crispEdges" data-modules={(size - 2 * QUIET).to_string()}>
                <rect class="qr-ground" width={size.to_string()} height={size.to_string()} />
                <path class="qr-dark" {d} />
            </svg>
        },
        None => {
            html! { <p>{ "The address is too long for a QR code; send it, or save the run as a file." }</p> }
        }
    }
}

/// How many modules wide with its margin, and the dark ones as a path of rows. Error level M: readable with a sixth of it
/// hidden.
fn drawn(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                let (left, top, width) = (from + QUIET, y + QUIET, x - from);
                path += &format!("M{left} {top}h{width}v1h-{width}z");
            }
            x += 1;
        }
    }
    Some((code.size() + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_a_run_stays_readable_from_a_seat() {
        let link = "https://host.example/streamproof/#r=1;sc=order-billing;set=acks:1,enable.idempotence:false;t=8400;d=9f2c4e11a07b3d58";
        let (size, path) = drawn(link).expect("short enough");
        assert!(size - 2 * QUIET <= 77, "{size}");
        // The path is the code, module for module.
        let code = QrCode::encode_text(link, QrCodeEcc::Medium).expect("short enough");
        let mut dark = Vec::new();
        for run in path.split_terminator('z') {
            let mut numbers = run
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse::<i32>().ok());
            let [left, top, width] = [(); 3].map(|()| numbers.next().expect("three numbers"));
            dark.extend((left..left + width).map(|x| (x - QUIET, top - QUIET)));
        }
        let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let expected: Vec<(i32, i32)> = all.filter(|&(x, y)| code.get_module(x, y)).collect();
        assert_eq!(dark, expected);
    }

    #[test]
    fn what_no_code_can_hold_has_none() {
        assert!(drawn(&"x".repeat(2_331)).is_some());
        assert!(drawn(&"x".repeat(2_332)).is_none());
    }
}
