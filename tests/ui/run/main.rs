//! The macros' errors, and programs that have to compile.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("*.rs");
}
