/** How the client looks in this browser; chosen in the settings, applied before anything is drawn. */
import { AppearanceChoice } from '../model/appearance';

export const appearance = new AppearanceChoice(localStorage, document.documentElement);
