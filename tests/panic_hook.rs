//! A panic that somebody catches does not end the program: an export's, and that of contained work.

use lakehand::ui::terminal::{contained, contained_panics, install_panic_hook};

#[test]
fn contained_panics_are_kept_for_later() {
    install_panic_hook();
    let export = std::thread::Builder::new().name("export payments".into());
    assert!(export.spawn(|| panic!("in an export \u{1b}[2J")).unwrap().join().is_err());
    assert!(contained(|| panic!("in contained work")).is_err());
    let told = contained_panics();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("export payments") && told[0].contains("in an export \\u{1b}[2J"),
        "{}",
        told[0]
    );
    assert!(told[1].contains("in contained work"), "{}", told[1]);
    assert!(contained_panics().is_empty());
}
