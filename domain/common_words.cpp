#include "domain/common_words.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

namespace hub::domain {

namespace {

// As `fold` leaves words: lower case, no accents.
constexpr std::string_view english_stop_words =
  "a about above after again against all also am an and any are as at be because been before being "
  "below between both but by can cannot could couldnt did didnt do does doesnt doing dont down "
  "during each even few for from further had has hasnt have having he her here hers him his how i "
  "if im in into is isnt it its itself ive just me more most my myself no nor not now of off on "
  "once only or other our ours out over own please same she should so some still such than thank "
  "thanks that the their theirs them then there these they this those through to too under until "
  "up us very was wasnt we were what when where which while who whom why will with wont would you "
  "your yours hi hello hey dear regards team";

constexpr std::string_view spanish_stop_words =
  "a al algo alguna algunas alguno algunos ante antes aqui asi aunque bien cada como con contra "
  "cual cuando de del desde donde dos el ella ellas ellos en entre era eran es esa esas ese eso "
  "esos esta estaba estan estar estas este esto estos estoy favor fue fueron gracias ha habia hace "
  "hacer hacia han hasta hay he hemos hola la las le les lo los mas me mi mis mientras mucho muy "
  "nada ni no nos nosotros nuestra nuestro o otra otras otro otros para pero poco por porque puede "
  "puedo pues que quien se sea ser si sido sin sobre solo somos son soy su sus tambien tan tanto "
  "te tiene tienen toda todas todo todos tu tus un una unas uno unos usted ustedes va vamos y ya yo "
  "buenas buenos dias tardes noches saludos equipo";

// Names that are words as well, and words that display names are full of.
constexpr std::string_view everyday_words =
  // English
  "able account add admin agent amber angel app april art august autumn back bank best big bill "
  "black blue book box brand bright brook brown bug bush business call care case chance change "
  "chase city client clay close cloud coach company contact cook corp customer data day dawn dean "
  "demo department design desk dev direct drew early east email error eve ever every "
  "export faith fall field file finance find first fix forest fox frank free game get give go "
  "good google grace grant gray green group hall hand harmony hill holly home hope house hunt iris "
  "issue ivy jasmine joy july june just king know lane last law less let level light "
  "like lily line list little load log long look love mail main major make manager many mark marsh "
  "mason may melody mercy miles mine miss mobile month moon morning much name need new news "
  "next night north note number office olive one open orange order page park pat patience "
  "pay pearl penny people phone pin place plan point poppy post press price prince problem product "
  "production project ray read rain red report rich right river rob rock rose round royal ruby rule "
  "rush sales save say school see send service set shop short show sign sky small snow sound south "
  "spring stage star start step stone storm street summer sunny support system table take tech test "
  "tester testing thing think ticket time today trip turn two use user version view violet wade "
  "walk wall want ward water way web week well west white wick winter wish wood word work world "
  "year young inc ltd llc gmbh mrs miss "
  // Spanish
  "abril agosto aplicacion alba alma amor angeles armas aurora azul barra bello blanca blanco "
  "bueno cabello calle calvo campo campos casa castillo celeste cielo ciudad clara claro clave "
  "cliente concepcion consuelo copia correo costa cruz cuenta cuerpo dato datos dia dinero dolores "
  "domingo empresa enero error esperanza estrella falta febrero feliz flor flores fuente fuentes "
  "fuerte gloria gracia gracias guerra hora iglesia iglesias informe jefe leon leal libre llave "
  "lugar luna luz maestro mar mayo mercado mercedes mes mesa milagros moreno mundo nieves nombre "
  "nuevo numero oficina paz pantalla pagina pagos pastor pedido perla piedra pilar pino plaza "
  "prado problema producto prueba pruebas puente puerta puerto reina rey reyes rico rio rios rojo "
  "rosa rosas rubio sal salud santos semana serrano servicio sierra sistema sol soledad soporte "
  "torre torres usuario valle vega ventas verde version victoria vida";

using word_set = std::unordered_set<std::string_view>;

void add(word_set& to, std::string_view words) {
  while (!words.empty()) {
    const auto space = words.find(' ');
    to.insert(words.substr(0, space));
    words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
  }
}

const word_set& stop_words(language spoken) {
  static const auto sets = [] {
    std::array<word_set, 2> made;
    add(made[0], english_stop_words);
    add(made[1], spanish_stop_words);
    return made;
  }();
  return sets[static_cast<std::size_t>(spoken)];
}

constexpr std::string_view ascii_letters = "abcdefghijklmnopqrstuvwxyz";

/// How much of a text is read to tell its language.
constexpr std::size_t most_bytes = 8192;

} // namespace

bool is_stop_word(language spoken, std::string_view folded) {
  return stop_words(spoken).contains(folded);
}

bool is_common_word(std::string_view folded) {
  static const auto words = [] {
    word_set made;
    add(made, everyday_words);
    return made;
  }();
  return words.contains(folded) || is_stop_word(language::english, folded)
         || is_stop_word(language::spanish, folded);
}

language language_of(std::string_view text) {
  const auto folded = fold(prefix_of(text, most_bytes, most_bytes));
  int lead = 0; // of Spanish over English
  for (std::size_t at = 0; at < folded.size();) {
    const auto begin = folded.find_first_of(ascii_letters, at);
    if (begin == std::string::npos)
      break;
    at = std::min(folded.find_first_not_of(ascii_letters, begin), folded.size());
    const auto word = std::string_view{folded}.substr(begin, at - begin);
    lead += is_stop_word(language::spanish, word) ? 1 : 0;
    lead -= is_stop_word(language::english, word) ? 1 : 0;
  }
  return lead > 0 ? language::spanish : language::english;
}

} // namespace hub::domain
