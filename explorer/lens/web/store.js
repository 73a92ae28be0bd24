// The feeds that have arrived, shared by every component of the page: the photos, and view → layers, segmentations.

const MAX_BYTES = 160e6; // decoded; the view that was looked at longest ago goes first

const MAX_PHOTOS = 40;

const store = (window.crateLensStore ??= { photos: new Map(), views: new Map(), listeners: new Set(), lenses: new Set() });

function feedsOf(view) {
  const found = store.views.get(view) ?? { layers: new Map(), segments: new Map(), bytes: 0 };
  store.views.delete(view); // the last in the map is the one looked at last
  store.views.set(view, found);
  return found;
}

/** Keep a feed and tell the lenses. */
function receive(bytes) {
  const { header, arrays } = unpackArrays(bytes);
  if (header.what === "photo") return receivePhoto(header.photo, arrays.jpeg.data);
  const feeds = feedsOf(header.view);
  if (header.what === "attention" && !feeds.layers.has(header.layer)) {
    feeds.layers.set(header.layer, attentionLayer(arrays));
    feeds.bytes += 4 * arrays.query.data.length * (arrays.key ? 2 : 1);
  }
  if (header.what === "segments") {
    for (const [name, sent] of Object.entries(arrays)) {
      const array = header.runs?.[name] ? fromRuns(sent, header.runs[name]) : sent;
      feeds.bytes += array.data.byteLength - (feeds.segments.get(name)?.data.byteLength ?? 0);
      feeds.segments.set(name, array);
    }
  }
  forget(header.view);
  tell(header.view);
}

/** Keep a photo and tell every lens once it can be drawn; the oldest of too many goes. */
function receivePhoto(name, jpeg) {
  if (store.photos.has(name)) return;
  const photo = new Image();
  photo.onload = () => {
    URL.revokeObjectURL(photo.src);
    tell(null);
  };
  photo.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
  store.photos.set(name, photo);
  if (store.photos.size > MAX_PHOTOS) store.photos.delete(store.photos.keys().next().value);
}

function forget(current) {
  let total = [...store.views.values()].reduce((sum, feeds) => sum + feeds.bytes, 0);
  for (const [view, feeds] of store.views) {
    if (total <= MAX_BYTES || view === current) return;
    total -= feeds.bytes;
    store.views.delete(view);
  }
}

/** view: the one that has something new; null for all. */
const tell = (view) => store.listeners.forEach((listener) => listener(view));
