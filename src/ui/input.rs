//! What the terminal reports becomes messages of the model; the only place that knows crossterm's events.
//!
//! | event | message |
//! |---|---|
//! | key pressed or repeated | `Key`; a release is nothing |
//! | paste | `Paste` |
//! | left button pressed | `Click` on what the last frame showed there |
//! | wheel | `Wheel` |
//! | focus, resize | `Focus`, `Resize` |

use crossterm::event::{
    Event, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use super::hit::HitMap;
use crate::app::{Key, KeyCode, Message};

/// The message of an event; `None` for what the model need not know. `hits` are the places of the last frame.
pub fn message(event: Event, hits: &HitMap) -> Option<Message> {
    match event {
        Event::Key(event) => key(event).map(Message::Key),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Mouse(event) => match event.kind {
            MouseEventKind::Down(MouseButton::Left) => hits.at(event.column, event.row).map(Message::Click),
            MouseEventKind::ScrollDown => Some(Message::Wheel { down: true }),
            MouseEventKind::ScrollUp => Some(Message::Wheel { down: false }),
            _ => None,
        },
        Event::FocusGained => Some(Message::Focus(true)),
        Event::FocusLost => Some(Message::Focus(false)),
        Event::Resize(width, height) => Some(Message::Resize { width, height }),
    }
}

/// A key of the terminal as the keymap names it; `None` for a release and for keys that have no name.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let code = match event.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::F(n) => KeyCode::F(n),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => {
            shift = true;
            KeyCode::Tab
        }
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Insert => KeyCode::Insert,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        _ => return None,
    };
    let held = |modifier| event.modifiers.contains(modifier);
    Some(Key::new(code, held(KeyModifiers::CONTROL), held(KeyModifiers::ALT), shift))
}

#[cfg(test)]
mod tests {
    use crossterm::event::MouseEvent;
    use ratatui::layout::Rect;

    use super::*;
    use crate::app::Target;

    fn pressed(code: Code, modifiers: KeyModifiers) -> Option<String> {
        key(KeyEvent::new(code, modifiers)).map(|key| key.to_string())
    }

    #[test]
    fn keys_have_the_names_of_the_keymap() {
        assert_eq!(pressed(Code::Char('G'), KeyModifiers::SHIFT).as_deref(), Some("G"));
        assert_eq!(pressed(Code::Char('c'), KeyModifiers::CONTROL).as_deref(), Some("ctrl-c"));
        assert_eq!(pressed(Code::Char(' '), KeyModifiers::NONE).as_deref(), Some("space"));
        assert_eq!(pressed(Code::BackTab, KeyModifiers::SHIFT).as_deref(), Some("shift-tab"));
        assert_eq!(pressed(Code::BackTab, KeyModifiers::NONE).as_deref(), Some("shift-tab"));
        assert_eq!(pressed(Code::PageDown, KeyModifiers::ALT).as_deref(), Some("alt-pagedown"));
        assert_eq!(pressed(Code::CapsLock, KeyModifiers::NONE), None);
    }

    #[test]
    fn a_release_is_nothing_and_a_repeat_is_a_press() {
        let event = |kind| KeyEvent::new_with_kind(Code::Char('j'), KeyModifiers::NONE, kind);
        assert_eq!(key(event(KeyEventKind::Release)), None);
        assert!(key(event(KeyEventKind::Repeat)).is_some());
    }

    #[test]
    fn a_click_means_what_is_drawn_on_top() {
        let mut hits = HitMap::default();
        hits.push(Rect::new(0, 0, 10, 5), Some(Target::Row(1)));
        hits.push(Rect::new(2, 2, 3, 1), Some(Target::Row(2)));
        let click = |kind, column, row| {
            let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
            message(Event::Mouse(event), &hits)
        };
        let left = MouseEventKind::Down(MouseButton::Left);
        assert!(matches!(click(left, 2, 2), Some(Message::Click(Target::Row(2)))));
        assert!(matches!(click(left, 0, 0), Some(Message::Click(Target::Row(1)))));
        assert!(click(left, 20, 20).is_none());
        assert!(click(MouseEventKind::Moved, 2, 2).is_none());
        assert!(matches!(click(MouseEventKind::ScrollDown, 99, 99), Some(Message::Wheel { down: true })));
    }
}
