pub mod canvas;
pub mod glyphs;
pub mod hit;
pub mod layout;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod widgets;
