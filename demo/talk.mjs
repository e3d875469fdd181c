// What the town says. Each thread: who begins, hours ago, the text, and what others make of it; `like` and `boost` are names.
export const THREADS = [
  { by: 'vera', ago: 93, text: 'First frost behind the school this morning: −0.4 °C at 5:50, gone by seven. #weather', like: ['wanda', 'lucia'], replies: [['wanda', 'That was my last courgette, then. #garden'], ['vera', 'I did ring you!']] },
  { by: 'carl', ago: 90, text: 'Sorted the photographs from the old station. Who is the lady with the goose, platform 2, about 1961? #lindau', like: ['nadia', 'yuki', 'hana'], boost: ['nadia'], replies: [['nadia', 'We have a goose in the accident book of 1962. Come by on Thursday.'], ['carl', 'The accident book! Of course.']] },
  { by: 'ines', ago: 86, text: 'Friday 8 pm: the silent one with the train, and Tomás on the harmonium. Bring a cushion for row three. #cinema', like: ['tomas', 'theo', 'greta', 'marta'], boost: ['hana', 'tomas'], replies: [['theo', 'Is there a part where the train explodes?'], ['ines', 'There is a part where the train does not explode. It is worse.']] },
  { by: 'piet', ago: 80, text: 'Whoever left a child seat, a lock without a key and half a sandwich in my yard: the seat is fixed. #bicycles', like: ['aylin', 'samir'], replies: [['aylin', 'Mine! The sandwich too. Sorry.']] },
  { by: 'lucia', ago: 74, text: 'Forty-one cormorants on the weir at dusk, and one heron pretending not to mind. #birds', like: ['yuki', 'vera', 'jonas', 'carl'], boost: ['vera'] },
  { by: 'hana', ago: 70, text: 'The bridge gets its railing back next week: Monday to Wednesday one lane, and on foot at any time. Questions at the pump, as always. #lindau', like: ['jonas', 'bruno'], boost: ['jonas', 'carl', 'piet'], replies: [['jonas', 'The ferry will go until ten on those days.'], ['hana', 'You are a treasure.'], ['bruno', 'Engine goes round by the mill then. Good to know.']] },
  { by: 'samir', ago: 63, text: 'Four in the morning. Two foxes crossed the car park as if they had an appointment. #night', like: ['lucia', 'rosa', 'marta'], replies: [['marta', 'They come past my back door at twenty past. Punctual animals.']] },
  { by: 'emil', ago: 58, text: 'The rye beer is ready. It tastes of toast, in a good way. Tasting on Saturday from four, bring your own glass. #tannery', like: ['olek', 'piet', 'marta', 'bruno'], boost: ['olek'], replies: [['olek', 'I will be there at four.'], ['emil', 'So at six.']] },
  { by: 'aylin', ago: 52, text: 'My class voted on a name for the hedgehog. The hedgehog is now called Thursday. #school', like: ['rosa', 'theo', 'wanda', 'nadia', 'vera'], boost: ['rosa'], replies: [['rosa', 'Thursday weighs 480 grams and may sleep outside again.']] },
  { by: 'tomas', ago: 47, text: 'Found a mouse nest in the bass pipes, made of hymn sheets. It explains Easter. #music', like: ['greta', 'ines', 'carl'], replies: [['greta', 'The F sharp! I told the choir it was not us.'], ['tomas', 'I never doubted you.']] },
  { by: 'wanda', ago: 44, text: 'Too many pumpkins. They are on the wall of number 14, take one, take three. #garden', like: ['marta', 'hana', 'emil'], boost: ['marta', 'aylin'], replies: [['marta', 'Took four. Bread tomorrow will be orange.']] },
  { by: 'theo', ago: 40, text: 'Beat Carl in 31 moves. He says the sun was in his eyes. We were indoors. #chess', like: ['carl', 'aylin', 'nadia'], replies: [['carl', 'A very bright indoors.']] },
  { by: 'nadia', ago: 36, text: 'New on the shelf by the window: everything we own about rivers. Eleven books and one very wet pamphlet. #library', like: ['jonas', 'lucia', 'aylin'] },
  { by: 'bruno', ago: 30, text: 'Kite of the week: red, tail of socks, plane tree by the school. Owner may collect it at the station house. #firebrigade', like: ['aylin', 'hana'], replies: [['yuki', 'The socks are mine. The kite is not. I have questions.']] },
  { by: 'yuki', ago: 27, text: 'Finished the sign of the bakery. The gold took three coats and Marta took two photographs of it and went back to work, which is high praise. #signs', like: ['marta', 'ines', 'carl', 'hana'], boost: ['marta'], replies: [['marta', 'It is very good. There.']] },
  { by: 'rosa', ago: 24, text: 'To everybody who asked: the swan is well, the swan is angry, the swan goes home on Sunday. #weir', like: ['lucia', 'jonas', 'samir', 'vera'], boost: ['lucia', 'jonas'] },
  { by: 'greta', ago: 21, text: 'Rehearsal is in the fire station tonight, the hall has no light. The echo is better there anyway. #music', like: ['bruno', 'tomas'], replies: [['bruno', 'Please leave the hoses as they are this time.']] },
  { by: 'jonas', ago: 17, text: 'The river is up eleven centimetres since noon. The ferry goes, but you will get to know each other. #weir', like: ['vera', 'hana', 'carl'], boost: ['vera'], replies: [['vera', 'It will stop at fifteen, I think.'], ['jonas', 'When you think, I tie a second rope.']] },
  { by: 'olek', ago: 12, text: 'The bees are in for the winter. Sixteen hives, all heavy. I wish them a good night and me a warm shed. #bees', like: ['wanda', 'emil', 'lucia', 'rosa'] },
  { by: 'marta', ago: 7, text: 'Pumpkin bread is out. It is orange, it is good, and there are nineteen loaves. #bakery', like: ['wanda', 'samir', 'theo', 'hana', 'piet'], boost: ['wanda'], replies: [['theo', 'Eighteen.'], ['samir', 'Seventeen. Good night, everybody.']] },
  { by: 'hana', ago: 4, text: 'Council tonight at seven, open to all: the lamp by the steps, the benches, and whether the pump may be painted. #lindau', like: ['yuki', 'carl'], replies: [['yuki', 'I have brought eleven colours.']] },
  { by: 'carl', ago: 2, text: 'The lady with the goose was my aunt. I am sitting down. Thank you, @nadia. #lindau', like: ['nadia', 'aylin', 'ines', 'yuki', 'rosa'], boost: ['nadia'] },
  { by: 'lucia', ago: 1, text: 'Waxwings in the rowan behind the library! Nobody breathe. #birds', like: ['nadia', 'vera', 'yuki'], replies: [['nadia', 'I have closed the window very, very slowly.']] },
];

/** Who says what to whom in private. */
export const LETTERS = [
  ['marta', 'wanda', 'Three pumpkins left over here. Do you want soup on Thursday?'],
  ['wanda', 'marta', 'Always. I bring the apples.'],
  ['ines', 'tomas', 'Can the harmonium do rain?'],
  ['tomas', 'ines', 'It can do nothing else.'],
];

/** What is said while somebody watches, in this order and then again from the beginning. */
export const LIVE = [
  ['vera', 'Wind has turned to the south-west. Washing in or washing out, decide now. #weather'],
  ['piet', 'A tandem has come in. Both riders say it was the other one. #bicycles'],
  ['marta', 'Last tray of seeded rolls is in the oven. #bakery'],
  ['lucia', 'Second heron on the weir. They are not speaking. #birds'],
  ['jonas', 'Last ferry at nine today; whoever is late may wave, I might see you. #weir'],
  ['theo', 'Anybody for a game? I have the board and the bench. #chess'],
  ['samir', 'Off to the night shift. Somebody leave a light on. #night'],
  ['emil', 'Washing out the kettle. The whole street smells of toast, you are welcome. #tannery'],
  ['yuki', 'The pump will be blue. Or green. The council said "a colour". #lindau'],
  ['aylin', 'Thursday the hedgehog has been seen on a Wednesday. The class is debating. #school'],
  ['olek', 'Found my spirit level. It was on the shelf, and the shelf is not straight. #carpentry'],
  ['nadia', 'Somebody returned a book from 1987 today, with a note: "It was very good." #library'],
];

export const ANSWERS = ['Lovely.', 'I was just thinking of that.', 'See you there.', 'Tell me more on Tuesday.', 'This town!', 'Noted, and written on my hand.'];
