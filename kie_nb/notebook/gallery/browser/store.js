// What one page knows: it asks the kernel, drops late answers, and keeps a few posters and videos.

const POSTERS_KEPT = 240;
const VIDEOS_KEPT = 12; // at most a megabyte each
const PATIENCE_MS = 2500;

/** The last few of something that has to be let go of. */
class Kept {
  constructor(most) {
    this.most = most;
    this.items = new Map();
  }
  get(key) {
    const found = this.items.get(key);
    if (found !== undefined) {
      this.items.delete(key);
      this.items.set(key, found);
    }
    return found;
  }
  put(key, url) {
    if (this.items.has(key)) URL.revokeObjectURL(this.items.get(key));
    this.items.delete(key);
    this.items.set(key, url);
    while (this.items.size > this.most) {
      const [oldest, gone] = this.items.entries().next().value;
      this.items.delete(oldest);
      URL.revokeObjectURL(gone);
    }
  }
  clear() {
    for (const url of this.items.values()) URL.revokeObjectURL(url);
    this.items.clear();
  }
}

const START = { page: 1, order: "newest", text: "", tag: "", least_rating: 0, model: "", experiment: "" };

/** The questions and answers of one widget on one page, shared by all its views. */
class Store extends EventTarget {
  constructor(model) {
    super();
    this.model = model;
    this.who = Math.random().toString(36).slice(2);
    this.number = 0;
    this.found = null;
    this.posters = new Kept(POSTERS_KEPT);
    this.videos = new Kept(VIDEOS_KEPT);
    this.failed = new Map();
    this.wanted = new Set();
    this.parts = new Map(); // of files that are fetched: who waits for which
    this.asked = { ...START, ...model.get("asked") };
    this.chosen = new Set(model.get("chosen"));
    this.listener = (content, buffers) => this.hear(content, buffers || []);
    model.on("msg:custom", this.listener);
    this.ask({});
  }

  /** Change the question and ask it; anything but a page number leads back to the first page. */
  ask(changes) {
    this.asked = { ...this.asked, page: 1, ...changes };
    if (!Object.keys(changes).length) this.asked.page = this.model.get("asked").page || 1;
    this.remember();
    this.number += 1;
    const number = this.number;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => number === this.number && this.tell("slow"), PATIENCE_MS);
    this.send({ kind: "page", number, asked: this.asked });
    this.tell("asked");
  }

  remember() {
    this.model.set("asked", { ...this.asked });
    this.model.set("chosen", [...this.chosen]);
    this.model.save_changes();
  }

  send(content) {
    this.model.send({ who: this.who, ...content });
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  hear(content, buffers) {
    const answer = { page: "hearPage", posters: "hearPosters", video: "hearVideo", "no-video": "hearNoVideo", tile: "hearTile", part: "hearPart" };
    if (answer[content.kind]) this[answer[content.kind]](content, buffers);
    else if (!content.who || content.who === this.who) this.tell(content.kind, content);
  }

  hearPage(content) {
    const mine = content.who === this.who && content.number === this.number;
    const pushed = content.who === "" && this.found && same(content.asked, this.asked);
    if (!mine && !pushed) return; // the answer to an old question, or another page's
    clearTimeout(this.patience);
    this.found = content;
    for (const row of content.rows) if (row.has_file) this.failed.delete(row.id);
    if (this.asked.page !== content.page) {
      this.asked.page = content.page;
      this.remember();
    }
    this.tell("page", content);
    const lacking = content.rows.filter((row) => !this.posters.get(row.id)).map((row) => row.id);
    if (mine && lacking.length) this.send({ kind: "posters", ids: lacking });
  }

  hearPosters(content, buffers) {
    content.ids.forEach((id, place) => {
      if (!buffers[place] || !buffers[place].byteLength) return;
      this.posters.put(id, URL.createObjectURL(new Blob([buffers[place]], { type: "image/jpeg" })));
      this.tell("poster", id);
    });
  }

  /** The URL of a run's preview if it is here; otherwise it is sent for, and "video" is told. */
  video(id) {
    const url = this.videos.get(id);
    if (url || this.wanted.has(id)) return url;
    this.wanted.add(id);
    this.send({ kind: "video", id });
    return undefined;
  }

  hearVideo(content, buffers) {
    this.wanted.delete(content.id);
    this.failed.delete(content.id);
    this.videos.put(content.id, URL.createObjectURL(new Blob([buffers[0]], { type: content.mime })));
    this.tell("video", content.id);
  }

  hearNoVideo(content) {
    this.wanted.delete(content.id);
    this.failed.set(content.id, content.why);
    this.tell("video", content.id);
  }

  /** The file of a run, as a blob with its name: the kernel sends part by part, each when it is asked for. */
  async file(id, told) {
    const found = [];
    for (let at = 0; ; ) {
      told(at ? at / found.size : 0);
      const { content, bytes } = await new Promise((done) => {
        this.parts.set(`${id} ${at}`, done);
        this.send({ kind: "file", id, at });
      });
      if (content.why) throw new Error(content.why);
      found.push(bytes);
      found.size = content.size;
      at += bytes.byteLength;
      if (at >= content.size) return { blob: new Blob(found, { type: content.mime }), name: content.name };
    }
  }

  hearPart(content, [bytes]) {
    const key = `${content.id} ${content.at}`;
    if (content.who !== this.who) return;
    this.parts.get(key)?.({ content, bytes });
    this.parts.delete(key);
  }

  hearTile(content) {
    const rows = this.found?.rows || [];
    const place = rows.findIndex((row) => row.id === content.tile.id);
    if (place < 0) return;
    rows[place] = content.tile;
    this.tell("tile", content.tile);
  }

  close() {
    clearTimeout(this.patience);
    this.model.off("msg:custom", this.listener);
    this.posters.clear();
    this.videos.clear();
  }
}

function same(one, other) {
  return Object.keys(START).every((name) => (one?.[name] || "") === (other[name] || ""));
}
