"""An RTSP server on loopback for the tests; run by the system's Python, where GStreamer's bindings are.

Usage: /usr/bin/python3 rtsp_server.py WIDTH HEIGHT FPS [USER:PASSWORD], where FPS is a fraction: 15/1.

Serves a moving test pattern with a sound track, as cameras do, at rtsp://127.0.0.1:PORT/cam, and prints PORT when it
is ready.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  # versions have to be chosen first


def main(width: str, height: str, fps: str, credentials: str = "") -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,width={width},height={height},framerate={fps}"
        " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 threads=1 ! rtph264pay name=pay0 pt=96"
        " audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8 )"
    )
    factory.set_shared(True)
    if credentials:
        protect(server, factory, *credentials.split(":", 1))
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def protect(
    server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    """Let in only this user, with basic authentication."""
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth = GstRtspServer.RTSPAuth.new()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    rights = "media.factory.access=true, media.factory.construct=true"
    factory.add_role_from_structure(Gst.Structure.new_from_string(f"viewer, {rights}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
