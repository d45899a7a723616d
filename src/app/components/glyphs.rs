//! The glyphs of the track diagram. Each is drawn around its middle; colours come from classes.

use crate::sim::compact::decimal_text;
use yew::{Html, classes, html};

/// A word in the picture.
pub fn text(x: f64, y: f64, words: impl Into<String>, class: &'static str) -> Html {
    html! { <text x={px(x)} y={px(y)} class={class}>{ words.into() }</text> }
}

pub fn path(d: String, class: &'static str) -> Html {
    html! { <path d={d} class={class} /> }
}

/// A number of the picture, without needless digits.
pub fn px(value: f64) -> String {
    decimal_text((value * 10.0).round() / 10.0)
}

/// How a stored record looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Car {
    Stored,
    /// Above the high watermark: no consumer may read it yet.
    Above,
    /// The followed one.
    Followed,
}

/// A record in its slot.
pub fn car(x: f64, y: f64, order: u32, look: Car) -> Html {
    let look = match look {
        Car::Stored => "",
        Car::Above => "above",
        Car::Followed => "followed",
    };
    html! {
        <g class={classes!("car", look)}>
            <rect x={px(x - 12.0)} y={px(y - 12.0)} width="24" height="24" rx="4" />
            <text x={px(x)} y={px(y + 4.5)}>{ order }</text>
        </g>
    }
}

/// A record on its way; each further attempt adds a tick on the rim.
pub fn flying(x: f64, y: f64, order: u32, attempt: u32) -> Html {
    let ticks = (1..attempt.min(5)).map(|n| {
        let dx = f64::from(n) * 5.0 - 7.5;
        html! { <path d={format!("M{} {}v-4", px(x + dx), px(y - 11.0))} /> }
    });
    html! {
        <g class="flying">
            <circle cx={px(x)} cy={px(y)} r="11" />
            { for ticks }
            <text x={px(x)} y={px(y + 4.5)}>{ order }</text>
        </g>
    }
}

/// An extra copy: two offset squares, and the mark.
pub fn doubled(x: f64, y: f64, order: u32, mark: Option<&str>) -> Html {
    html! {
        <g class="doubled">
            <rect class="back" x={px(x - 14.0)} y={px(y - 16.0)} width="24" height="24" rx="4" />
            <rect class="front" x={px(x - 11.0)} y={px(y - 12.0)} width="25" height="25" rx="4" />
            <text x={px(x + 1.5)} y={px(y + 5.0)}>{ order }</text>
            if let Some(mark) = mark {
                <rect class="pill" x={px(x + 4.0)} y={px(y - 33.0)} width="25" height="16" rx="8" />
                <text class="mark" x={px(x + 16.5)} y={px(y - 20.8)}>{ mark.to_string() }</text>
            }
        </g>
    }
}

/// What is gone: a dashed square with a cross.
pub fn gone(x: f64, y: f64, order: Option<u32>) -> Html {
    let (l, r, t, b) = (x - 7.0, x + 7.0, y - 7.0, y + 7.0);
    html! {
        <g class="gone">
            <rect x={px(x - 11.0)} y={px(y - 11.0)} width="22" height="22" rx="3" />
            <path d={format!("M{} {}L{} {}M{} {}L{} {}", px(l), px(t), px(r), px(b), px(r), px(t), px(l), px(b))} />
            if let Some(order) = order {
                <text x={px(x)} y={px(y + 26.0)}>{ format!("#{order}") }</text>
            }
        </g>
    }
}

/// The end of a transaction in a partition.
pub fn marker(x: f64, y: f64, commit: bool) -> Html {
    html! { <>
        <rect class="marker" x={px(x - 6.0)} y={px(y - 12.0)} width="12" height="24" rx="2" />
        { text(x, y + 4.0, if commit { "C" } else { "A" }, "s11 b c") }
    </> }
}

/// A small doubled mark for lanes.
pub fn doubled_small(x: f64, y: f64) -> Html {
    html! {
        <g class="doubled">
            <rect class="back" x={px(x - 9.0)} y={px(y - 9.0)} width="13" height="13" rx="3" />
            <rect class="front" x={px(x - 6.0)} y={px(y - 6.0)} width="14" height="14" rx="3" />
        </g>
    }
}

/// A small crossed mark for lanes.
pub fn gone_small(x: f64, y: f64) -> Html {
    html! {
        <g class="gone">
            <rect x={px(x - 7.0)} y={px(y - 7.0)} width="14" height="14" rx="2" />
            <path d={format!("M{} {}l8 8m0 -8l-8 8", px(x - 4.0), px(y - 4.0))} />
        </g>
    }
}

/// A hatched diamond: dropped behind the watermark.
pub fn late_small(x: f64, y: f64) -> Html {
    html! { <path class="late-mark" d={format!("M{} {}l7 7l-7 7l-7 -7z", px(x), px(y - 7.0))} /> }
}

/// About how wide words are in the text face, a little more rather than less.
pub fn width(words: &str, size: f64) -> f64 {
    words.chars().count() as f64 * size * 0.54
}

/// The flag that is planted where a fault struck; a dashed outline while it is only planned.
pub fn flag(x: f64, y: f64, pole: f64, lines: [String; 2], struck: bool, left: bool) -> Html {
    let direction = if left { -1.0 } else { 1.0 };
    let top = y - pole;
    // The bolt before the words, and room for the swallow tail behind them, or the other way round.
    let words = width(&lines[0], 12.5).max(width(&lines[1], 12.0));
    let (before, after) = if left { (28.0, 6.0) } else { (22.0, 12.0) };
    let tail = (before + words + after) * direction;
    let cloth = format!(
        "M{} {}h{}l{} 18l{} 18h{}z",
        px(x),
        px(top),
        px(tail),
        px(-8.0 * direction),
        px(8.0 * direction),
        px(-tail)
    );
    let start = if left { x + tail } else { x } + before;
    html! {
        <g class={if struck { "flag" } else { "flag planned" }}>
            <path class="pole" d={format!("M{} {}V{}", px(x), px(y), px(if pole > 0.0 { top } else { top + 36.0 }))} />
            <circle cx={px(x)} cy={px(y)} r="3.5" />
            <path class="cloth" d={cloth} />
            <path class="bolt" d={format!("M{} {}l-7 11h5l-2 9l9 -13h-6l4 -7z", px(start - 9.0), px(top + 7.0))} />
            <text class="b" x={px(start)} y={px(top + 15.0)}>{ lines[0].clone() }</text>
            <text x={px(start)} y={px(top + 29.0)}>{ lines[1].clone() }</text>
        </g>
    }
}

/// How wide a flag of one line is.
pub fn low_width(words: &str) -> f64 {
    20.0 + width(words, 12.5) + 10.0
}

/// A flag of one line, where there is little room.
pub fn flag_low(x: f64, y: f64, words: String, struck: bool) -> Html {
    let width = low_width(&words);
    html! {
        <g class={if struck { "flag" } else { "flag planned" }}>
            <path class="pole" d={format!("M{} {}v-25", px(x), px(y))} />
            <circle cx={px(x)} cy={px(y)} r="3.5" />
            <path class="cloth" d={format!("M{} {}h{}l-6 9l6 9h-{}z", px(x), px(y - 26.0), px(width), px(width))} />
            <path class="bolt" d={format!("M{} {}l-5 8h4l-2 6l7 -9h-5l3 -5z", px(x + 12.0), px(y - 24.0))} />
            <text class="b" x={px(x + 20.0)} y={px(y - 12.5)}>{ words }</text>
        </g>
    }
}

/// A small flag for the strip.
pub fn flag_small(x: f64, y: f64) -> Html {
    html! {
        <g class="flag">
            <path class="pole" d={format!("M{} {}v-20", px(x), px(y))} />
            <path class="cloth" d={format!("M{} {}h20l-5 6l5 6h-20z", px(x), px(y - 21.0))} />
            <path class="bolt" d={format!("M{} {}l-4 6h3l-1 4l4 -6h-3z", px(x + 8.0), px(y - 20.0))} />
        </g>
    }
}

/// A tick of a log that is written.
pub fn tick(x: f64, y: f64) -> Html {
    html! { <path class="tick" d={format!("M{} {}l4 4l8 -9", px(x), px(y))} /> }
}

/// A checkpoint barrier: a double bar that travels with the stream.
pub fn barrier(x: f64, y: f64, half: f64) -> Html {
    let (left, right, top) = (px(x - 2.0), px(x + 2.0), px(y - half));
    let height = px(half * 2.0);
    path(
        format!("M{left} {top}v{height}M{right} {top}v{height}"),
        "barrier",
    )
}

/// How far an instant has come: three dots, as many filled.
pub fn dots(x: f64, y: f64, filled: u8) -> Html {
    html! {
        { for (0..3_u8).map(|n| html! { <circle class={if n < filled { "dot" } else { "dot open" }} cx={px(x + f64::from(n) * 7.0)} cy={px(y)} r="2.5" /> }) }
    }
}
