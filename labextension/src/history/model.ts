/**
 * The history of one document, as its panel shows it: versions, the chosen one, what it shows.
 *
 * Knows no user interface. What comes late, after something else was chosen, is dropped.
 */
import type { Content, Difference, HistoryRequests, IVersion } from '../services/history';
import { messageOf } from '../services/messageOf';

/** The requests that are made. */
export type IHistoryRequests = Pick<HistoryRequests, 'versions' | 'at' | 'diff' | 'restore'>;

/** What is shown of the chosen version: itself, or how the present differs from it. */
export type Mode = 'version' | 'changes';

/** What is shown of the chosen version. */
export type Shown =
  { mode: 'version'; content: Content } | { mode: 'changes'; difference: Difference };

const PAGE = 100;

/** Call `refresh` first; `changed` is called after every change. */
export class HistoryModel {
  constructor(
    private readonly requests: IHistoryRequests,
    private readonly pathOf: () => string,
    private readonly changed: () => void
  ) {}

  /** The versions that are loaded, newest first. */
  versions: IVersion[] = [];
  /** Whether there are older ones. */
  hasMore = false;
  /** The chosen version. */
  chosen: number | null = null;
  /** What is shown of it. */
  mode: Mode = 'version';
  /** What to show, `null` while it is loaded. */
  shown: Shown | null = null;
  /** What went wrong last, in words for the user. */
  problem: string | null = null;

  /** Return what an author is called: by name, or by the beginning of the account's id. */
  nameOf(author: string | null): string | null {
    return author === null ? null : (this.authors[author] ?? author.slice(0, 8));
  }

  /** Load the newest versions; what is chosen stays. */
  async refresh(): Promise<void> {
    const path = this.pathOf();
    await this.trying(async () => {
      const page = await this.requests.versions(path, null, PAGE);
      if (path !== this.pathOf()) {
        return;
      }
      // What was loaded before goes on where the new page ends, if they meet.
      const oldest = page.versions.at(-1)?.version ?? 0;
      const meets = page.has_more && this.versions.some(each => each.version === oldest);
      const older = meets ? this.versions.filter(each => each.version < oldest) : [];
      this.versions = [...page.versions, ...older];
      this.hasMore = older.length === 0 ? page.has_more : this.hasMore;
      Object.assign(this.authors, page.authors);
      if (!this.versions.some(each => each.version === this.chosen)) {
        this.chosen = this.versions[0]?.version ?? null;
      }
    });
    await this.load();
  }

  /** Load older versions. */
  async loadMore(): Promise<void> {
    const last = this.versions.at(-1);
    const path = this.pathOf();
    if (last === undefined || !this.hasMore) {
      return;
    }
    await this.trying(async () => {
      const page = await this.requests.versions(path, last.version, PAGE);
      if (this.versions.at(-1) === last && path === this.pathOf()) {
        this.versions = [...this.versions, ...page.versions];
        this.hasMore = page.has_more;
        Object.assign(this.authors, page.authors);
      }
    });
  }

  /** Choose a version, or another way to show it. */
  async choose(version: number | null, mode: Mode = this.mode): Promise<void> {
    this.chosen = version;
    this.mode = mode;
    await this.load();
  }

  /** Make the chosen version the present one; returns whether anything had to change. */
  async restore(): Promise<boolean> {
    const version = this.chosen;
    if (version === null) {
      return false;
    }
    let hasChanged = false;
    const isDone = await this.trying(async () => {
      hasChanged = await this.requests.restore(this.pathOf(), version);
    });
    if (isDone) {
      await this.refresh();
    }
    return hasChanged;
  }

  private async load(): Promise<void> {
    const wanted = ++this.wanted;
    const { chosen, mode } = this;
    const newest = this.versions[0]?.version;
    this.shown = null;
    this.changed();
    if (chosen === null || newest === undefined) {
      return;
    }
    const path = this.pathOf();
    await this.trying(async () => {
      const shown: Shown =
        mode === 'version'
          ? { mode, content: await this.requests.at(path, chosen) }
          : { mode, difference: await this.requests.diff(path, chosen, newest) };
      if (wanted === this.wanted) {
        this.shown = shown;
      }
    });
  }

  /** Do something, and keep in `problem` what went wrong. */
  private async trying(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.problem = null;
      return true;
    } catch (error) {
      this.problem = messageOf(error);
      return false;
    } finally {
      this.changed();
    }
  }

  private readonly authors: Record<string, string> = {};
  private wanted = 0;
}
