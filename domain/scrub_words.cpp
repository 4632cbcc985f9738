#include "domain/scrub_parts.hpp"

#include <array>
#include <unordered_map>

namespace hub::domain::scrubbing {

namespace {

struct known_words {
  std::uint32_t hints;
  std::string_view words; // lower case, no accents, separated by blanks
};

// What a word before a number says about the number. A word may say several things.
constexpr known_words table[] = {
  {hint::phone,
   "phone phones telephone tel ph telf tfno tlf tlfno tfn fono telefono telefonico mobile mob movil cell "
   "cellphone cel celular fax whatsapp wa wsp wasap guasap sms telegram signal viber call calls "
   "calling called recall callback ring dial dialing dialed llamar llame llama llamen llamenme "
   "llamame llameme llamadme llamarme llamarnos llamada llamadas marcar marque marca landline fijo "
   "handy handphone telefon telefone telemovel desk hotline phonenumber msisdn"},
  {hint::maybe_phone,
   "reach reached reachable answer answering answered text texted texting message messages messaging "
   "mensaje mensajes registered registrado contact contacto contactar contactarme contactame "
   "contacten pickup voicemail localizar localizarme escribidme escribanme escribeme escribir "
   "hablar"},
  {hint::other_number,
   "order orders pedido pedidos ticket tickets invoice invoices factura facturas case cases caso casos "
   "id ids uid uuid guid ref reference referencia tracking seguimiento envio shipment account cuenta "
   "serial serie model modelo build error code codigo sku isbn issn ean "
   "upc asin item product producto articulo version commit pr issue bug line linea lines lineas row "
   "rows fila page pages pagina paginas port puerto pid process transaction transaccion txn booking "
   "reserva reservation confirmation confirmacion policy poliza license licence licencia passport "
   "pasaporte dni nif nie cif vat iva tax ein membership contract contrato expediente albaran lote "
   "batch total price precio amount importe cost coste costo usd eur gbp mxn ars clp cop pen euros "
   "dollars dolares pesos timestamp epoch zip postal postcode box apt suite unit room sala version "
   "chapter capitulo rfc job run request session instance workspace record tenant object key hash "
   "balance saldo routing swift bic sort quantity cantidad size bytes pixel year years date fecha"},
  {hint::card,
   "card cards cc tarjeta tarjetas visa mastercard amex maestro discover diners jcb unionpay credit "
   "debit credito debito creditcard cardnumber carte karte kreditkarte pan"},
  {hint::ssn, "ssn ssns social socials socialsecurity nss sss"},
  {hint::version,
   "version versions versiones ver v vers release releases build builds firmware update updated "
   "updating upgrade upgraded upgrading downgrade downgraded actualizar actualice actualizado "
   "actualizacion driver drivers kernel sdk plugin library libreria package paquete chrome chromium "
   "firefox safari edge opera electron webkit android ios ipados macos windows linux ubuntu debian "
   "app agent client section seccion chapter capitulo clause clausula apartado paragraph parrafo "
   "oid schema changelog patch patched hotfix tag bump bumped bumping through jar jdk jre vm runtime edition dependency artifact"},
  {hint::network,
   "ip ips ipv4 ipv6 address addresses direccion direcciones host hosts server servidor servers gateway "
   "proxy subnet network red dns cidr whitelist allowlist firewall ping router vpn "
   "endpoint"},
  {hint::owner, "my mine his her our your their mi mis su sus tu nuestro nuestra meu minha"},
  {hint::number, "number numbers no nr num nro numero numeros #"},
  {hint::filler,
   "is are was the a an at on to of for it this that following below es son el la los las al a de del "
   "en este esta siguiente or o and y with via por directly directamente please now new nuevo nueva me "
   "us nos him them also"},
};

const std::unordered_map<std::string_view, std::uint32_t>& dictionary() {
  static const auto words = [] {
    std::unordered_map<std::string_view, std::uint32_t> made;
    for (auto [hints, rest] : table)
      while (!rest.empty()) {
        const auto space = std::min(rest.find(' '), rest.size());
        made[rest.substr(0, space)] |= hints;
        rest.remove_prefix(std::min(space + 1, rest.size()));
      }
    return made;
  }();
  return words;
}

/// Lower case, and without accent for the letters of Western Europe.
class folded_word {
public:
  explicit folded_word(std::string_view word) {
    static constexpr std::string_view plain = "aaaaaaaceeeeiiiidnooooo/ouuuuyts"; // U+00C0–00DF
    for (std::size_t i = 0; i < word.size() && size_ < letters_.size(); ++i) {
      const auto c = static_cast<unsigned char>(word[i]);
      if (c == 0xC3 && i + 1 < word.size())
        letters_[size_++] = plain[static_cast<unsigned char>(word[++i]) & 0x1FU];
      else
        letters_[size_++] = lower(word[i]);
    }
  }
  [[nodiscard]] std::string_view text() const { return {letters_.data(), size_}; }

private:
  std::array<char, 20> letters_{};
  std::size_t size_ = 0;
};

std::uint32_t hints_of(std::string_view word) {
  const auto& known = dictionary();
  const auto found = known.find(folded_word{word}.text());
  return found == known.end() ? hint::none : found->second;
}

constexpr std::size_t look_back = 72; // bytes

} // namespace

words_before::words_before(std::string_view text, std::size_t at) {
  const auto least = at > look_back ? at - look_back : 0;
  bool same_sentence = true;
  bool same_line = true;
  int numbers = 0; // what stands before two other numbers says nothing about this one
  while (at > least && size_ < most && numbers < 2) {
    const char c = text[at - 1];
    if (c == '#') {
      words_[size_++] = {hint::number | hint::other_number, false, same_sentence, same_line};
      --at;
      continue;
    }
    if (c
        == barrier) { // most likely a number, and read as one, so that a second round sees the same
      words_[size_++] = {hint::none, true, same_sentence, same_line};
      ++numbers;
      --at;
      continue;
    }
    if (!is_alnum(c)) {
      const bool abbreviation = c == '.' && at >= 3 && is_letter(text[at - 2]);
      if (c == '?' || c == '!' || c == ';' || c == ',' || (c == '.' && !abbreviation))
        same_sentence = false;
      if (c == '.' && abbreviation && is_blank(char_at(text, at)))
        same_sentence = same_sentence && (hints_of(text.substr(at - 3, 2)) & hint::number) != 0;
      if (c == '\n') {
        same_line = false;
        same_sentence = false;
      }
      --at;
      continue;
    }
    const auto end = at;
    bool has_digit = false;
    while (at > least && is_alnum(text[at - 1]))
      has_digit = is_digit(text[--at]) || has_digit;
    words_[size_++] = {hints_of(text.substr(at, end - at)), has_digit, same_sentence, same_line};
  }
}

bool words_before::has(std::uint32_t wanted, std::size_t reach) const {
  for (const auto& w : *this) {
    if (reach-- == 0)
      return false;
    if ((w.hints & wanted) != 0)
      return true;
  }
  return false;
}

std::uint32_t phone_hint(const words_before& words, std::size_t most_other_words) {
  constexpr std::size_t reach_of_other = 4; // "order number is the following"
  std::size_t away = 0;
  std::size_t other_words = 0; // that lead from a hint to the number without meaning either
  for (const auto* w = words.begin(); w != words.end(); ++w, ++away) {
    if (w->has_digit)
      return hint::none; // what stands before another number speaks of that one
    if ((w->hints & hint::number) != 0 && w->same_sentence && other_words <= most_other_words) {
      const bool sign = (w->hints & hint::other_number) != 0; // '#'
      if (w + 1 == words.end())
        return sign ? hint::other_number : hint::maybe_phone;
      const auto owner = (w + 1)->hints;
      if ((owner & (hint::phone | hint::owner)) != 0)
        return hint::phone;
      if ((owner & hint::filler) != 0 && !sign)
        return hint::maybe_phone;
      return hint::other_number; // "customer number", "driver's license number"
    }
    if ((w->hints & hint::phone) != 0)
      return other_words <= most_other_words ? hint::phone : hint::none;
    if ((w->hints & hint::maybe_phone) != 0)
      return other_words == 0 ? hint::maybe_phone : hint::none;
    if ((w->hints & hint::other_number) != 0 && w->same_sentence && away < reach_of_other)
      return hint::other_number;
    if ((w->hints & (hint::filler | hint::owner)) == 0)
      ++other_words;
  }
  return hint::none;
}

} // namespace hub::domain::scrubbing
