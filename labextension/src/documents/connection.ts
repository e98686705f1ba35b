/**
 * Whether an open document is connected to the server.
 */
import type { ICollaborativeContentProvider } from '@jupyter/collaborative-drive';

/** A document's connection; `none` for a document that is not shared through the server. */
export type ConnectionState = 'none' | 'connected' | 'reconnecting';

/** The part of the stock provider's socket that tells its state. */
interface ISocketState {
  wsconnected: boolean;
  synced: boolean;
}

/** The providers of the open documents, by `format:type:path`. */
export type Providers = ICollaborativeContentProvider['providers'];

/** Return the state of the connection of the document at `path`. */
export function connectionOf(providers: Providers, path: string): ConnectionState {
  for (const [key, provider] of providers) {
    if (pathOf(key) === path) {
      // The provider replaces its socket without telling; hence it is looked at, not listened to.
      const socket = (provider as { wsProvider?: ISocketState | null }).wsProvider;
      return socket?.wsconnected && socket.synced ? 'connected' : 'reconnecting';
    }
  }
  return 'none';
}

/** Return the path in a provider's key; a path may contain colons itself. */
function pathOf(key: string): string {
  return key.split(':').slice(2).join(':');
}
