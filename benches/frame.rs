//! What a frame costs on a lake of 1,000 feeds and 20,000 partitions: the median of each view, in microseconds.
//!
//! `cargo bench --bench frame`. The bound is 2 ms a frame at 160×50.

// The model under test is filled as the tests of the screen fill it.
#[allow(dead_code)]
#[path = "../tests/screens/lake.rs"]
mod lake;

use std::time::{Duration, Instant};

use lakehand::app::{Message, ThemeName};
use lakehand::ui::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const FRAMES: usize = 201;

fn main() {
    let theme = Theme::named(ThemeName::Dark);
    let places: [(&str, &[&str]); 9] = [
        ("feeds", &[]),
        ("feeds, last row", &["G"]),
        ("detail", &["enter"]),
        ("datasets", &["f3"]),
        ("partitions", &["P"]),
        ("partitions, last row", &["P", "G"]),
        ("calendar", &["P", "v"]),
        ("exports", &["f4"]),
        ("logs", &["f5"]),
    ];
    println!("{:<22} {:>10} {:>10}", "view", "80x24", "160x50");
    for (name, keys) in places {
        let costs = [(80, 24), (160, 50)].map(|size| median(keys, size, &theme));
        println!(
            "{name:<22} {:>7.0} µs {:>7.0} µs",
            costs[0].as_secs_f64() * 1e6,
            costs[1].as_secs_f64() * 1e6
        );
    }
    let mut lake = lake::Lake::large(1000, 20_000, (160, 50));
    let started = Instant::now();
    for _ in 0..FRAMES {
        lake.keys(&["j"]);
    }
    let each = started.elapsed() / u32::try_from(FRAMES).unwrap_or(1);
    println!("a key in the list of feeds, without its frame: {:.0} µs", each.as_secs_f64() * 1e6);
}

/// The median of frames drawn after these keys; each frame is drawn whole, as after a resize.
fn median(keys: &[&str], (width, height): (u16, u16), theme: &Theme) -> Duration {
    let mut lake = lake::Lake::large(1000, 20_000, (width, height));
    lake.send(Message::Resize { width, height });
    lake.keys(keys);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend in memory");
    let mut costs: Vec<Duration> = (0..FRAMES)
        .map(|_| {
            let started = Instant::now();
            terminal
                .draw(|frame| drop(lakehand::ui::draw(frame, &lake.app, theme)))
                .expect("a backend in memory");
            started.elapsed()
        })
        .collect();
    costs.sort_unstable();
    costs[FRAMES / 2]
}
