"""Pages in whatever an answer holds: hypothesis looks for one that raises, or whose end is not told."""

from hypothesis import example, given
from hypothesis import strategies as st

from synapse_sync.destinations.synapse.http.pages import Page, page_in

TEXTS = st.one_of(
    st.text(),
    st.sampled_from(["https://h/?page=2", "https://[::1", "//[", "/?", "?", "://", "https://h/x", "cD0y", "/D0y"]),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text() | st.sampled_from(["data", "meta", "pagination", "next_cursor", "next", "results", "count"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(ANY_JSON)
@example({"results": [], "next": "http://[::1/?page=2"})
@example({"data": [], "meta": {"pagination": {"next_cursor": ["x"]}}})
def test_whatever_was_answered_is_a_page_or_none(answered):
    page = page_in(answered)
    assert page is None or (isinstance(page.rows, list) and page.following != {})


@given(TEXTS)
def test_a_link_is_followed_or_the_page_is_none_but_it_is_never_the_end(link):
    for answered in (
        {"results": [1], "next": link},
        {"data": [1], "meta": {"pagination": {"next_cursor": link}}},
    ):
        page = page_in(answered)
        if link:
            assert page is None or page.following
        else:
            assert page == Page([1])
