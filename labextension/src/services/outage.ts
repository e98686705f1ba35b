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

/** What an outage needs from its surroundings. */
export interface IOutageOptions {
  /** Asks the server anything; throws `RequestError`. */
  probe: () => Promise<unknown>;
  /** Renews the server's cookie if that needs nobody's help. */
  signIn: () => Promise<void>;
  /** Called when the server answers again after it did not. */
  recovered: () => Promise<unknown>;
  sleep: (ms: number) => Promise<void>;
  notice: IOutageNotice;
}

const PROBE_EVERY_MS = 3000;
/** Who is refused stays so until they sign in somewhere or are let in again. */
const PROBE_REFUSED_EVERY_MS = 15_000;

type Answer = 'answers' | 'unreachable' | 'refused';

/**
 * Watches for the server to come back, and signs in again when it does not know the user any more.
 *
 * A project's server that was restarted knows nobody's cookie; without a new one this page, and
 * what was typed into it meanwhile, could never connect again.
 */
export class Outage {
  constructor(private readonly options: IOutageOptions) {}

  /** Begin an episode, unless one is under way; resolves when it is over. */
  report(): Promise<void> {
    this.episode ??= this.follow().finally(() => {
      this.episode = null;
    });
    return this.episode;
  }

  /**
   * Return whether the server knows this user, after a request that it refused.
   *
   * Signs in again if that needs nobody's help; otherwise an episode begins.
   */
  async regain(): Promise<boolean> {
    if ((await this.ask()) === 'answers') {
      return true;
    }
    await this.options.signIn();
    if ((await this.ask()) === 'answers') {
      return true;
    }
    void this.report();
    return false;
  }

  private async follow(): Promise<void> {
    // A single failed request may be no more than that.
    const first = await this.ask();
    if (first !== 'answers') {
      await this.wait(first);
      this.options.notice.hide();
      await this.options.recovered();
    }
  }

  /** Return when the server answers. */
  private async wait(first: Answer): Promise<void> {
    const { signIn, sleep } = this.options;
    let told: Answer = 'answers';
    let state = first;
    while (state !== 'answers') {
      if (state === 'refused') {
        await signIn();
        state = await this.ask();
      }
      this.tell(state, told);
      told = state;
      if (state !== 'answers') {
        await sleep(state === 'refused' ? PROBE_REFUSED_EVERY_MS : PROBE_EVERY_MS);
        state = await this.ask();
      }
    }
  }

  private tell(state: Answer, told: Answer): void {
    const { notice } = this.options;
    if (state === 'unreachable' && told !== state) {
      notice.showUnreachable();
    } else if (state === 'refused' && told !== state) {
      notice.showRefused();
    }
  }

  private async ask(): Promise<Answer> {
    try {
      await this.options.probe();
      return 'answers';
    } catch (error) {
      const isTransient = error instanceof RequestError && error.isTransient;
      return isTransient ? 'unreachable' : 'refused';
    }
  }

  private episode: Promise<void> | null = null;
}
