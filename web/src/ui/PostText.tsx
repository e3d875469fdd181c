/** What somebody wrote, as text: links, tags and mentions become elements, nothing else does. */
import { innerPath, paths } from '../model/route';
import { split, type Piece } from '../model/text';
import { localpart } from '../xmpp/jid';
import { useClient } from './hooks';
import { A } from './router';

/** An address without its scheme, cut where nobody reads on. */
function shorten(url: string): string {
  const bare = url.replace(/^https?:\/\/(www\.)?/i, '').replace(/\/$/, '');
  return bare.length > 40 ? `${bare.slice(0, 38)}…` : bare;
}

export function PostText({ text }: { text: string }) {
  const { domain } = useClient().site;
  return <>{split(text).map((piece, index) => show(piece, index, domain))}</>;
}

function show(piece: Piece, key: number, domain: string) {
  switch (piece.kind) {
    case 'text':
      return piece.text;
    case 'link': {
      const inner = innerPath(piece.href, location.origin);
      if (inner !== undefined) {
        return (
          <A key={key} to={inner}>
            {shorten(piece.text)}
          </A>
        );
      }
      return (
        <a key={key} href={piece.href} rel="noopener noreferrer nofollow" target="_blank">
          {shorten(piece.text)}
        </a>
      );
    }
    case 'tag':
      return (
        <A key={key} to={paths.tag(piece.tag)} class="tag">
          {piece.text}
        </A>
      );
    case 'mention': {
      const handle = piece.handle.endsWith(`@${domain}`) ? localpart(piece.handle) : piece.handle;
      return (
        <A key={key} to={paths.profile(handle)} class="mention">
          {piece.text}
        </A>
      );
    }
  }
}
