package audio

// TypeOf returns the media type of the files that [Probe] gives the extension ext, or "" for an extension that does not say what a recording is: that of raw
// samples, and of what Probe does not know.
func TypeOf(ext string) string {
	switch ext {
	case "wav", "amr", "aiff", "flac", "webm":
		return "audio/" + ext
	case "awb":
		return "audio/amr-wb"
	case "au", "caf":
		return "audio/x-" + ext
	case "mp3":
		return "audio/mpeg"
	case "m4a", "mp4":
		return "audio/mp4"
	case "3gp":
		return "audio/3gpp"
	case "mka":
		return "audio/x-matroska"
	case "ogg", "oga", "opus", "spx":
		return "audio/ogg"
	case "ogx":
		return "application/ogg"
	}
	return ""
}
