/**
 * Which kernel a notebook has already, although this page does not use it.
 */
import type { Session } from '@jupyterlab/services';

/** Return the session of a path that has a kernel, or `null` when none does. */
export function runningSessionOf<T extends Pick<Session.IModel, 'path' | 'kernel'>>(
  sessions: Iterable<T>,
  path: string
): T | null {
  for (const session of sessions) {
    if (session.path === path && session.kernel) {
      return session;
    }
  }
  return null;
}
