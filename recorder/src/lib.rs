//! The recorder keeps: RTP packets become CMAF files, playlists and a recovery that needs nobody.
