"""The headers of every response."""

CSP = "content-security-policy"
HEADERS = {
    CSP: "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",  # so that an upgrade of Tenfold shows its new page at once
}
RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
