package driver

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/genesys/voicemail/storage"
)

var errToken = errors.New("token is not of this listing")

// A token is the options of a listing and the last name of the page, which have no NUL in them.
func token(opts *storage.ListOptions, last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(opts.Delimiter + "\x00" + opts.Prefix + "\x00" + last))
}

// start returns where a listing goes on. A token of other options is refused.
func start(opts *storage.ListOptions) (string, error) {
	if opts.Token == "" {
		return opts.Prefix, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(opts.Token)
	last, ok := strings.CutPrefix(string(text), opts.Delimiter+"\x00"+opts.Prefix+"\x00")
	if err != nil || !ok || last == "" || !strings.HasPrefix(last, opts.Prefix) || storage.CheckPrefix(last) != nil {
		return "", errToken
	}
	return after(last), nil
}

// rollUp returns what stands for key on the page: itself, or the part up to the first delimiter after the prefix.
func rollUp(key string, opts *storage.ListOptions) string {
	if opts.Delimiter != "" {
		if head, _, below := strings.Cut(key[len(opts.Prefix):], opts.Delimiter); below {
			return opts.Prefix + head + opts.Delimiter
		}
	}
	return key
}

// after returns the least text behind last and, if that is a folder, behind all that is below it.
func after(last string) string {
	if folder, ok := strings.CutSuffix(last, "/"); ok {
		return folder + string('/'+1)
	}
	return last + "\x00"
}
