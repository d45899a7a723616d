//! What queries do with records, free of any engine: windows, watermarks, operators with state.

pub mod window;
