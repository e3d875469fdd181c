/** The hash tags of what is on the screen, most voices first. */
import { t } from '../i18n';
import { paths } from '../model/route';
import { homeSource, publicSource } from '../model/sources';
import type { Post } from '../xmpp/atom';
import { useCalmSignal, useClient } from './hooks';
import { A } from './router';

const MOST = 8;

export function Tags() {
  const client = useClient();
  const home = useCalmSignal(client.peek(homeSource()).state).timeline.posts;
  const everybody = useCalmSignal(client.peek(publicSource(client.site.pubsub)).state).timeline
    .posts;
  const tags = countTags([...home, ...everybody]);
  if (tags.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t('tags.title')}</h2>
      <div class="tags">
        {tags.map((tag) => (
          <A key={tag} to={paths.tag(tag)}>
            {t('tag.title', { tag })}
          </A>
        ))}
      </div>
    </section>
  );
}

/** By how many different people used them, so that nobody makes a topic alone. */
function countTags(posts: readonly Post[]): string[] {
  const voices = new Map<string, Set<string>>();
  for (const post of posts) {
    for (const tag of post.tags) {
      const authors = voices.get(tag) ?? new Set();
      authors.add(post.author);
      voices.set(tag, authors);
    }
  }
  return [...voices]
    .sort(([, a], [, b]) => b.size - a.size)
    .slice(0, MOST)
    .map(([tag]) => tag);
}
