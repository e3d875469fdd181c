//! Has the crate compiled again when the built web client changes: its files carry new names with each build,
//! which the compiler cannot know of by itself.

fn main() {
    let mut out = std::io::stdout();
    // Without a built client the folder is missing, and Cargo looks for it at every build.
    let line = b"cargo:rerun-if-changed=../../web/dist\n";
    std::io::Write::write_all(&mut out, line).expect("Cargo reads what a build script prints");
}
