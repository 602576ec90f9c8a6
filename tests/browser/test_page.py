"""Facts about the page, in a real browser, on a real tracker."""

import json
import time
import urllib.request

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.browser

MOVES = """(async () => {
    const canvas = document.querySelector('#picture');
    const look = () => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i]) | 0;
        return sum;
    };
    const seen = new Set();
    for (let i = 0; i < 20; i++) {
        seen.add(look());
        await new Promise((done) => setTimeout(done, 100));
    }
    return seen.size;
})()"""
IS_LIVE = "document.querySelector('#link')?.dataset.link === 'live'"
HAS_PICTURE = "Number(document.querySelector('#fps')?.textContent) > 1"
STATE = "document.querySelector('#badge').dataset.state"


def api(tracker, path, method="GET", body=None):
    headers = {"authorization": f"Bearer {tracker.token}", "content-type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(tracker.plain + path, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def opened(open_page, address, **size):
    page = open_page(address, **size)
    page.until(IS_LIVE)
    page.until(HAS_PICTURE)
    return page


def css_of(page, track, dx=0.0, dy=0.0):
    """Where a place in the frame lies on the page; dx and dy are shares of the box."""
    left, top, width, height = page.place("#view")
    frame = page.run("(({ width, height }) => [width, height])(document.querySelector('#picture'))")
    x, y = track["x"] + dx * track["w"], track["y"] + dy * track["h"]
    return left + x / frame[0] * width, top + y / frame[1] * height


def truth(tracker):
    """Where the target is now, by the tracker that follows it from the start."""
    ends = time.monotonic() + 60  # a bush and the shutter hide it for seconds
    while (state := api(tracker, "api/track")["state"]) != "tracking":
        assert time.monotonic() < ends, f"nothing is tracked: {state}"
        time.sleep(0.2)
    return api(tracker, "api/track")


def let_go(tracker, page):
    track = truth(tracker)
    api(tracker, "api/track", "DELETE")
    page.until(f"{STATE} === 'idle'")
    return track


def overlaps(one, other):
    far = max(abs(one["x"] - other["x"]), abs(one["y"] - other["y"]))
    return far < 1.5 * max(one["w"], one["h"])


def test_it_loads_without_a_complaint_and_the_picture_moves(open_page, tracker, pictures):
    page = opened(open_page, tracker.address)
    assert page.run(MOVES) > 8
    assert page.text("#source").startswith("synthetic:")
    assert "token" not in page.run("location.href")
    time.sleep(12)  # for the chart to have something to show
    page.save(pictures / "desktop.png")
    assert page.problems == []
    page.close()


def test_a_dragged_box_starts_a_track_and_follows(open_page, tracker, pictures):
    page = opened(open_page, tracker.address)
    track = let_go(tracker, page)
    page.mouse("mousePressed", *css_of(page, track, -0.15, -0.15))
    for share in (0.2, 0.6, 1.0, 1.15):
        page.mouse("mouseMoved", *css_of(page, track, share, share))
    page.save(pictures / "dragging.png")
    page.mouse("mouseReleased", *css_of(page, track, 1.15, 1.15))
    page.until(f"{STATE} !== 'idle'")
    begun = api(tracker, "api/track")
    assert overlaps(begun, track)
    time.sleep(2)
    later = api(tracker, "api/track")
    assert later["frame"] > begun["frame"] + 15
    assert later["state"] != "idle"
    assert page.text("#box") != "no target"
    assert page.problems == []
    page.close()


def test_a_finger_drags_a_box_on_a_phone(open_page, tracker, pictures):
    page = opened(open_page, tracker.address, width=390, height=844, scale=2, touch=True)
    assert page.run("document.documentElement.scrollWidth") <= 390
    _, _, width, _ = page.place("#view")
    assert width > 350
    buttons = "[...document.querySelectorAll('.tools > button')]"
    assert min(page.run(f"{buttons}.map((button) => button.offsetHeight)")) >= 44
    page.save(pictures / "phone.png")
    track = let_go(tracker, page)
    page.touch("touchStart", css_of(page, track, -0.2, -0.2))
    for share in (0.3, 0.8, 1.2):
        page.touch("touchMove", css_of(page, track, share, share))
    page.touch("touchEnd")
    page.until(f"{STATE} !== 'idle'")
    assert overlaps(api(tracker, "api/track"), track)
    page.close()


def test_the_keyboard_alone_starts_and_ends_a_track(open_page, tracker, pictures):
    page = opened(open_page, tracker.address)
    let_go(tracker, page)
    page.run("document.querySelector('#view').focus()")
    page.key("Enter")
    for key, shift in [("ArrowLeft", False), ("ArrowDown", False), ("ArrowRight", True)] * 2:
        page.key(key, shift=shift)
    assert "pixels" in page.text("#said")
    page.save(pictures / "keyboard.png")
    page.key("Enter")
    page.until(f"{STATE} !== 'idle'")
    assert page.text("#said") == "Tracking the chosen box"
    page.key("Delete")
    page.until(f"{STATE} === 'idle'")
    page.key("Enter")
    page.key("Escape")
    assert page.run(STATE) == "idle"
    page.close()


def test_a_click_is_no_box(open_page, tracker):
    page = opened(open_page, tracker.address)
    before = api(tracker, "api/status")["events"].get("restarted", 0)
    left, top, width, height = page.place("#view")
    for kind in ("mousePressed", "mouseReleased"):
        page.mouse(kind, left + width / 2, top + height / 2)
    page.until("!document.querySelector('#hint').hidden")
    assert api(tracker, "api/status")["events"].get("restarted", 0) == before
    page.close()


def test_palettes_color_the_picture(open_page, tracker, pictures):
    page = opened(open_page, tracker.address)
    spread = """(() => {
        const c = document.querySelector('#picture');
        const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) most = Math.max(most, data[i] - data[i + 2]);
        return most;
    })()"""
    assert page.run(spread) < 12
    page.run("document.querySelector('input[value=iron]').click()")
    page.until(f"{spread} > 100")
    page.save(pictures / "ironbow.png")
    page.run("document.querySelector('input[value=white]').click()")
    page.close()


def test_light_and_dark_are_both_there(open_page, tracker, pictures):
    page = opened(open_page, tracker.address)
    for theme in ("light", "dark"):
        while page.run("document.documentElement.dataset.theme") != theme:
            page.run("document.querySelector('#theme').click()")
        page.save(pictures / f"{theme}.png")
        shade = page.run("getComputedStyle(document.documentElement).backgroundColor")
        levels = [int(n) for n in shade[4:-1].split(",")]
        assert (sum(levels) > 600) == (theme == "light")
    page.close()


def test_a_recording_starts_and_ends(open_page, tracker):
    page = opened(open_page, tracker.address)
    page.run("document.querySelector('#record').click()")
    page.until("!document.querySelector('#recording-mark').hidden")
    page.run("document.querySelector('#record').click()")
    page.until("document.querySelector('#recording-mark').hidden")
    assert api(tracker, "api/status")["recording"]["run"] is None
    page.close()


def test_a_snapshot_is_the_picture_as_it_is_seen(open_page, tracker):
    page = opened(open_page, tracker.address)
    page.run("""(() => {
        window.saved = null;
        HTMLAnchorElement.prototype.click = function () { window.saved = this; };
        document.querySelector('#snapshot').click();
    })()""")
    assert page.until("window.saved?.download").startswith("frame_")
    size = page.run("""(async () => {
        const image = new Image();
        image.src = window.saved.href;
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];
    })()""")
    assert size == [960, 768]
    page.close()


def test_a_wrong_token_is_refused_and_the_right_one_unlocks(open_page, tracker, pictures):
    page = opened(open_page, tracker.plain.replace("127.0.0.1", "localhost"))  # no cookie there
    assert page.run("!document.querySelector('#unlock').hidden")
    page.run("document.querySelector('#stop').click()")
    page.until("document.querySelector('#login').open")
    type_token(page, "wrong-token-of-some-length")
    page.until("document.querySelector('#login-wrong').textContent.includes('wrong')")
    page.save(pictures / "wrong_token.png")
    assert page.run("document.querySelector('#login').open")
    type_token(page, tracker.token)
    page.until("!document.querySelector('#login').open")
    page.until(f"{STATE} === 'idle'")  # the order that had waited
    assert page.run("document.querySelector('#unlock').hidden")
    page.close()


def type_token(page, token):
    page.run(f"document.querySelector('#token').value = {json.dumps(token)}")
    page.run("document.querySelector('#login-form').requestSubmit()")


def test_it_comes_back_after_the_tracker_was_restarted(
    open_page, start_tracker, tmp_path, pictures
):
    token = tmp_path / "token"
    token.write_text("a-token-that-stays-the-same")
    token.chmod(0o600)
    first = start_tracker("--preview-token", token)
    page = opened(open_page, f"{first.plain}#token=a-token-that-stays-the-same")
    assert page.run("document.querySelector('#unlock').hidden")
    assert first.stop() == 0
    page.until("document.querySelector('#link').dataset.link === 'lost'")
    page.until("document.querySelector('#veil').textContent.includes('Trying again')")
    page.save(pictures / "no_link.png")
    second = start_tracker("--preview-token", token, port=first.port)
    page.until(IS_LIVE)
    assert page.run(MOVES) > 5
    page.run("document.querySelector('#stop').click()")  # the session is still good
    page.until(f"{STATE} === 'idle'")
    assert second.stop() == 0
    page.close()


def test_elsewhere_the_picture_waits_for_the_token(open_page, start_tracker, pictures):
    one = start_tracker(port="0.0.0.0:0")
    page = open_page(f"http://127.0.0.1:{one.port}/")
    page.until("document.querySelector('#login')?.open")
    seen = "document.querySelector('#picture').getContext('2d').getImageData(0, 0, 99, 99).data"
    assert page.run(f"{seen}.every((value, i) => value === 0 || i % 4 === 3)")
    page.save(pictures / "locked.png")
    type_token(page, one.token)
    page.until(IS_LIVE)
    page.until(HAS_PICTURE)
    page.close()
    assert one.stop() == 0


def test_a_radiometric_camera_shows_degrees(open_page, start_tracker, pictures):
    one = start_tracker(source="synthetic:scene=random,seed=51")
    page = opened(open_page, one.address)
    page.until("!document.querySelector('#scale').hidden")
    assert "°C" in page.text("#high")
    page.until("!document.querySelector('#target-card').hidden")
    page.save(pictures / "radiometric.png")
    assert one.stop() == 0
    page.close()


def test_two_viewers_see_the_same_run(open_page, tracker):
    pages = [opened(open_page, tracker.address) for _ in range(2)]
    deadline = time.monotonic() + 20
    while api(tracker, "api/status")["frames"] < 10:
        assert time.monotonic() < deadline
    assert all(page.run(MOVES) > 5 for page in pages)
    for page in pages:
        page.close()


def test_screenshots_are_pictures(pictures):
    for path in pictures.glob("*.png"):
        seen = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert seen is not None
        assert seen.std() > 5
