/** The service worker, a script of its own at the site's root. */
import { serve, type Scope } from './serve';

serve(self as unknown as Scope);
