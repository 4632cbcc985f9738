#include "domain/infer.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

namespace hub::domain {

namespace {

using enum ticket_type;

struct sentence {
  std::string_view text;
  ticket_type type;
  priority urgency;
};

std::ostream& operator<<(std::ostream& out, const sentence& s) {
  return out << s.text;
}

class infer_reads : public testing::TestWithParam<sentence> {};

TEST_P(infer_reads, type_and_priority) {
  const auto [text, type, urgency] = GetParam();
  const auto guess = infer(text);
  EXPECT_EQ(to_string(guess.type), to_string(type)) << text;
  EXPECT_EQ(guess.urgency, urgency) << text;
}

// clang-format off
constexpr sentence english[] = {
  {"The export button does nothing since this morning.", bug, 3},
  {"Notifications arrive twice on Android since the last update.", bug, 3},
  {"Production is down!", incident, 0},
  {"Our whole site is down since 9 am", incident, 0},
  {"There is an outage in the EU region", incident, 0},
  {"We are seeing data loss after the migration", incident, 0},
  {"I think we have a security breach", incident, 0},
  {"Nobody can log in this morning", incident, 0},
  {"The API is down for everyone", incident, 0},
  {"The payment service went down at noon", incident, 1},
  {"We lost all our data", incident, 0},
  {"Payments are failing for every customer", incident, 0},
  {"Major incident: checkout returns errors", incident, 0},
  {"All users are affected by this outage", incident, 0},
  {"Degraded performance in the dashboard for an hour", incident, 1},
  {"The status page says service unavailable", incident, 1},
  {"My account was hacked", incident, 0},
  {"The app crashes when I open settings", bug, 2},
  {"The export does not work", bug, 2},
  {"Export doesn't work anymore", bug, 2},
  {"The button isn't working on mobile", bug, 2},
  {"Search is broken", bug, 2},
  {"I cannot log in", bug, 1},
  {"I can't log in to my account", bug, 1},
  {"I can’t login since yesterday", bug, 1},
  {"Unable to sign in with Google", bug, 1},
  {"I am locked out of my account", bug, 1},
  {"I was charged twice for the same order", bug, 1},
  {"Getting an error 500 when saving", bug, 2},
  {"There is a bug in the invoice list", bug, 3},
  {"The page freezes after I click save", bug, 2},
  {"Totals are wrong in the report", bug, 3},
  {"The upload fails with a timeout", bug, 2},
  {"Dashboard stopped working after the update", bug, 2},
  {"The app keeps crashing on startup", bug, 1},
  {"I get a blank page after login", bug, 2},
  {"Nothing happens when I press the button", bug, 2},
  {"Nothing works today", bug, 1},
  {"The date picker shows the wrong month", bug, 3},
  {"Small typo on the pricing page", bug, 4},
  {"There's a typo in the footer", bug, 4},
  {"Cosmetic issue: the icon is misaligned", bug, 4},
  {"A trivial bug in the tooltip", bug, 5},
  {"Minor glitch in the sidebar", bug, 4},
  {"Critical bug in the billing module", bug, 0},
  {"Urgent: the export fails", bug, 1},
  {"This is very urgent, invoices are broken", bug, 0},
  {"The app crashes, please fix asap", bug, 1},
  {"We are blocked, the import fails every time", bug, 1},
  {"This bug is a blocker for our launch", bug, 1},
  {"We are losing money because checkout is broken", bug, 0},
  {"The app crashes but it's not urgent", bug, 4},
  {"There is a bug in the footer, no rush", bug, 4},
  {"Login is slow, nothing urgent though", bug, 4},
  {"The export fails, it isn't critical", bug, 4},
  {"Broken link in the help page, it can wait", bug, 4},
  {"This is not a critical bug", bug, 4},
  {"There is no urgency, but search is broken", bug, 4},
  {"I found a vulnerability in your login form", bug, 1},
  {"It would be nice to have a dark mode", feature_request, 4},
  {"I would love to see keyboard shortcuts", feature_request, 4},
  {"Would be great if we could export to CSV", feature_request, 4},
  {"Please add support for SAML", feature_request, 3},
  {"Can you add a filter by date?", feature_request, 3},
  {"Could you please add two-factor authentication?", feature_request, 3},
  {"Feature request: bulk editing", feature_request, 3},
  {"I wish I could sort the table", feature_request, 4},
  {"Any plans to support Linux?", feature_request, 3},
  {"Suggestion: remember my last filter", feature_request, 3},
  {"We'd love an integration with Slack", feature_request, 4},
  {"Nice to have: custom colours", feature_request, 4},
  {"High priority feature request: audit log", feature_request, 1},
  {"We urgently need a new feature for exports", feature_request, 1},
  {"Please consider adding webhooks", feature_request, 4},
  {"Add a highlight colour to the editor", feature_request, 3},
  {"I use the highlighter every day", feature_request, 3},
  {"A course on critical thinking would be nice", feature_request, 4},
  {"Not a bug, just an idea for the toolbar", feature_request, 3},
  {"This is not a bug. It would be nice to have an undo button", feature_request, 4},
  {"Everything works, thanks", feature_request, 3},
  {"I have no problem with the new design", feature_request, 3},
  {"Let us issue an invoice from the mobile app", feature_request, 3},
  {"Add an emergency contact field", feature_request, 3},
  {"Show a question mark icon next to the field", feature_request, 3},
  {"", feature_request, 3},
  {"👍", feature_request, 3},
  {"How do I reset my password?", question, 3},
  {"How can I export my data?", question, 3},
  {"Where can I find my invoices?", question, 3},
  {"Is there a way to change the language?", question, 3},
  {"Do you support SSO?", question, 3},
  {"What is the limit for file uploads?", question, 3},
  {"I have a question about billing", question, 3},
  {"Can I change my plan later?", question, 3},
  {"How do I fix error 404?", question, 3},
  {"Just wondering when invoices are sent", question, 3},
  {"Quick question, no rush: what does this setting do?", question, 4},
  {"Urgent question: how do I cancel my subscription?", question, 1},
  {"Is it possible to merge two accounts?", question, 3},
  {"Is it possible to add a second owner to the list?", feature_request, 3},
  {"Why does the app crash when I upload a photo?", bug, 2},
  {"Is the service down?", question, 3},
  {"P1 export is slow", bug, 1},
  {"[P0] exports are late", feature_request, 0},
  {"priority: high. Export is slow", bug, 1},
  {"Priority low: the menu crashes", bug, 4},
  {"sev0 - cannot process payments", incident, 0},
  {"Severity 1: the import crashes", bug, 1},
  {"This is not a P1, the label is wrong", bug, 4},
  {"low priority: the app crashes at night", bug, 4},
  {"priority is medium, there is a bug", bug, 2},
  {"[Bug] menu shows two icons", bug, 3},
  {"[Question] menu shows two icons", question, 3},
  {"Incident: menu shows two icons", incident, 1},
  {"Type: bug\nmenu shows two icons", bug, 3},
  {"See https://example.com/error/crash/urgent for the design", feature_request, 3},
  {"I really like high contrast themes", feature_request, 3},
  {"The new mp3 player is p2p", feature_request, 3},
  {"The deploy brought no downtime at all, thanks", feature_request, 3},
  {"Our small business would love an invoice template", feature_request, 4},
  {"This is important: totals are wrong", bug, 2},
  {"Very important: totals are wrong", bug, 1},
  {"The error handling docs are good", feature_request, 3},
};

constexpr sentence spanish[] = {
  {"Caída total del servicio", incident, 0},
  {"El sistema está caído", incident, 0},
  {"La plataforma está caída desde las 9", incident, 0},
  {"Producción caída, nadie puede trabajar", incident, 0},
  {"Hemos tenido una pérdida de datos", incident, 0},
  {"Nadie puede iniciar sesión", incident, 0},
  {"Hay una fuga de datos en el panel", incident, 0},
  {"La web está fuera de servicio", incident, 0},
  {"Incidencia grave: fallan los pagos", incident, 0},
  {"Se ha caído el servidor de correo", incident, 1},
  {"No funciona el botón de exportar", bug, 2},
  {"La aplicación se cae al abrir el informe", bug, 2},
  {"La app se cuelga cada vez que guardo", bug, 2},
  {"No puedo entrar en mi cuenta", bug, 1},
  {"No puedo iniciar sesión desde ayer", bug, 1},
  {"No me deja iniciar sesión", bug, 1},
  {"Me han cobrado dos veces", bug, 1},
  {"Hay un error en la factura", bug, 3},
  {"El informe no carga", bug, 2},
  {"El enlace está roto", bug, 2},
  {"Da un error 500 al guardar", bug, 2},
  {"Ha dejado de funcionar el buscador", bug, 2},
  {"Nada funciona desde la actualización", bug, 1},
  {"Va muy lento desde ayer", bug, 2},
  {"Hay una errata en el pie de página", bug, 4},
  {"Un fallo menor en el menú", bug, 4},
  {"Fallo crítico en la facturación", bug, 0},
  {"La aplicación se cierra cuando subo una foto.", bug, 2},
  {"El botón de guardar no hace nada", bug, 3},
  {"Es urgente, no funciona el pago", bug, 1},
  {"Es muy urgente: no funciona la importación", bug, 0},
  {"URGENTE: el informe no carga", bug, 1},
  {"Necesito que lo arreglen lo antes posible, no funciona", bug, 1},
  {"No funciona el filtro, pero no es urgente", bug, 4},
  {"El menú se cae, sin prisa", bug, 4},
  {"Hay un error en el pie, no corre prisa", bug, 4},
  {"No es un error crítico, pero el botón no funciona", bug, 4},
  {"No es nada urgente: el icono está roto", bug, 4},
  {"Error en el listado, cuando puedan", bug, 4},
  {"Estamos bloqueados, la importación falla", bug, 1},
  {"Estaría bien tener un modo oscuro", feature_request, 4},
  {"Me gustaría poder exportar a CSV", feature_request, 4},
  {"Nos encantaría una integración con Slack", feature_request, 4},
  {"Sería genial tener atajos de teclado", feature_request, 4},
  {"¿Podrían añadir un filtro por fecha?", feature_request, 3},
  {"Sugerencia: recordar el último filtro", feature_request, 3},
  {"Propongo una nueva funcionalidad para los informes", feature_request, 3},
  {"Echo en falta un botón de deshacer", feature_request, 4},
  {"No es un error, es una sugerencia", feature_request, 3},
  {"Ojalá se pudiera ordenar la tabla", feature_request, 4},
  {"Todo perfecto, sin problemas", feature_request, 3},
  {"Un curso de pensamiento crítico", feature_request, 3},
  {"¿Cómo puedo cambiar mi contraseña?", question, 3},
  {"¿Cómo cambio el idioma?", question, 3},
  {"¿Dónde encuentro mis facturas?", question, 3},
  {"¿Hay alguna forma de unir dos cuentas?", question, 3},
  {"¿Cuánto cuesta el plan anual?", question, 3},
  {"Tengo una duda sobre la facturación", question, 3},
  {"Me gustaría saber cuándo se envían las facturas", question, 3},
  {"Quisiera saber si aceptan transferencias", question, 3},
  {"¿Se puede cambiar el plan?", question, 3},
  {"Pregunta urgente: ¿cómo cancelo la suscripción?", question, 1},
  {"Una consulta, sin prisa: ¿qué hace este ajuste?", question, 4},
  {"¿Por qué se cae la app al subir una foto?", bug, 2},
  {"Prioridad alta: el filtro va lento", bug, 1},
  {"Prioridad: baja. El menú se cae", bug, 4},
  {"Gravedad máxima, no funciona nada", bug, 0},
  {"Esto es importante: los totales son incorrectos", bug, 2},
  {"Duda: el menú muestra dos iconos", question, 3},
};
// clang-format on

INSTANTIATE_TEST_SUITE_P(english, infer_reads, testing::ValuesIn(english));
INSTANTIATE_TEST_SUITE_P(spanish, infer_reads, testing::ValuesIn(spanish));

TEST(infer, reads_typeset_quotes_like_plain_ones) {
  EXPECT_EQ(infer("It’s “urgent”").urgency, infer("It's \"urgent\"").urgency);
  EXPECT_EQ(infer("“Urgent”").urgency, 1);
}

TEST(infer, does_not_read_beyond_16_kib) {
  std::string text(20'000, 'x');
  text += " production is down";
  EXPECT_EQ(infer(text).type, feature_request);
}

TEST(infer, cuts_long_texts_between_characters) {
  std::string text = "production is down ";
  for (int shift = 0; shift < 4; ++shift) {
    std::string longer = std::string(static_cast<std::size_t>(shift), 'x') + ' ' + text;
    while (longer.size() < 17'000)
      longer += "ñ€😀";
    EXPECT_EQ(infer(longer).type, incident);
  }
}

TEST(infer, stays_in_range_for_text_without_words) {
  for (const auto* text : {"", "   ", "\n\n", "???", "!!!", "١٢٣", "¿?", "'''", "://", "a://b"}) {
    const auto guess = infer(text);
    EXPECT_GE(guess.urgency, highest_priority) << text;
    EXPECT_LE(guess.urgency, lowest_priority) << text;
  }
}

} // namespace

} // namespace hub::domain
