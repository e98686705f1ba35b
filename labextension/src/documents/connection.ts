/**
 * Whether an open document is connected to the server.
 */
import type { ICollaborativeContentProvider } from '@jupyter/collaborative-drive';

/**
 * A document's connection.
 *
 * `none` for a document that is not shared through the server, `ended` for one that was and will not
 * be again, although its tab is still there.
 */
export type ConnectionState = 'none' | 'connected' | 'reconnecting' | 'ended';

/** The part of an open document that is looked at. */
export interface IOpenDocument {
  path: string;
  model: { sharedModel: { isDisposed: boolean } };
}

/** The part of the stock provider's socket that tells its state. */
interface ISocketState {
  wsconnected: boolean;
  synced: boolean;
}

/** The providers of the open documents, by `format:type:path`. */
export type Providers = ICollaborativeContentProvider['providers'];

/** Return the state of a document's connection. */
export function connectionOf(
  providers: Providers,
  { path, model }: IOpenDocument
): ConnectionState {
  // The stock provider drops the document when the server has closed it for good.
  if (model.sharedModel.isDisposed) {
    return 'ended';
  }
  for (const [key, provider] of providers) {
    if (pathOf(key) === path) {
      // The provider replaces its socket without telling; hence it is looked at, not listened to.
      const socket = (provider as { wsProvider?: ISocketState | null }).wsProvider;
      return socket?.wsconnected && socket.synced ? 'connected' : 'reconnecting';
    }
  }
  return 'none';
}

/** Looks in a row without a connection after which it counts as lost, and again each time. */
const LOST_AFTER_LOOKS = 6;

/**
 * Decides from regular looks at a connection when it counts as lost.
 *
 * A server that was restarted refuses the stock provider's attempts to connect again forever,
 * without a word; somebody has to find out why.
 */
export class ReconnectWatch {
  /** Note a look; returns whether the connection has been missing for long (any more). */
  isLost(state: ConnectionState): boolean {
    this.looks = state === 'reconnecting' || state === 'ended' ? this.looks + 1 : 0;
    return this.looks > 0 && this.looks % LOST_AFTER_LOOKS === 0;
  }

  private looks = 0;
}

/** Return the path in a provider's key; a path may contain colons itself. */
function pathOf(key: string): string {
  return key.split(':').slice(2).join(':');
}
