/**
 * One episode in which the server cannot be reached: told once, ended by itself.
 */
import { RequestError } from './requests';

/** How the user is told; each call replaces what was shown before. */
export interface IOutageNotice {
  showUnreachable: () => void;
  /** The server answers again, but not to this user: signed out, or no member any more. */
  showRefused: () => void;
  hide: () => void;
}

const PROBE_EVERY_MS = 3000;

/**
 * Watches for the server to come back.
 */
export class Outage {
  constructor(
    /** Asks the server anything; throws `RequestError`. */
    private readonly probe: () => Promise<unknown>,
    private readonly sleep: (ms: number) => Promise<void>,
    private readonly notice: IOutageNotice
  ) {}

  /** Begin an episode, unless one is under way; resolves when it is over. */
  report(): Promise<void> {
    this.episode ??= this.follow().finally(() => {
      this.episode = null;
    });
    return this.episode;
  }

  private async follow(): Promise<void> {
    // A single failed request may be no more than that.
    let state = await this.ask();
    if (state === 'unreachable') {
      this.notice.showUnreachable();
    }
    while (state === 'unreachable') {
      await this.sleep(PROBE_EVERY_MS);
      state = await this.ask();
    }
    if (state === 'refused') {
      this.notice.showRefused();
    } else {
      this.notice.hide();
    }
  }

  private async ask(): Promise<'answers' | 'unreachable' | 'refused'> {
    try {
      await this.probe();
      return 'answers';
    } catch (error) {
      const isTransient = error instanceof RequestError && error.isTransient;
      return isTransient ? 'unreachable' : 'refused';
    }
  }

  private episode: Promise<void> | null = null;
}
