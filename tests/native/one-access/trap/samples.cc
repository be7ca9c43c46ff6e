// Instructions whose accesses are known, one at least for each row of opcodes.ts, and C++ volatile accesses.
#include <sys/mman.h>

#include <cstdint>
#include <cstring>

#include "trap.h"

namespace {

uint8_t scratch[256];

// `text` finds the guarded memory at r11 and ordinary memory at r10.
#define ASM(text)                                                                                           \
  [](uint8_t* at) {                                                                                         \
    __asm__ volatile("mov %0, %%r11\n\tmov %1, %%r10\n\t" text                                              \
                     :                                                                                      \
                     : "r"(at), "r"(scratch)                                                                \
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",    \
                       "xmm0", "xmm1", "cc", "memory");                                                     \
  }

template <typename T>
void Load(uint8_t* at) {
  const T value = *reinterpret_cast<volatile T*>(at);
  static_cast<void>(value);
}

template <typename T>
void Store(uint8_t* at) {
  *reinterpret_cast<volatile T*>(at) = 1;
}

// Runs `opcode` with the address as its operand, which no assembler can know beforehand.
void RunAbsolute(const uint8_t* opcode, size_t length, uint8_t* at) {
  void* code = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return;
  auto* next = static_cast<uint8_t*>(code);
  memcpy(next, opcode, length);
  memcpy(next + length, &at, sizeof at);
  next[length + sizeof at] = 0xc3;  // ret
  __asm__ volatile("call *%0" : : "r"(code) : "rax", "memory");
  munmap(code, 4096);
}

#define ABSOLUTE(bytes) [](uint8_t* at) { RunAbsolute(reinterpret_cast<const uint8_t*>(bytes), sizeof bytes - 1, at); }

constexpr Sample kSamples[] = {
    // Compiled from C++: one access each, and the combinations that a wrong accessor would make.
    {"volatile u8 read", "read 8 @0x0", Load<uint8_t>},
    {"volatile u16 read", "read 16 @0x0", Load<uint16_t>},
    {"volatile u32 read", "read 32 @0x0", Load<uint32_t>},
    {"volatile u64 read", "read 64 @0x0", Load<uint64_t>},
    {"volatile double read", "read 64 @0x0", Load<double>},
    {"volatile u8 write", "write 8 @0x0", Store<uint8_t>},
    {"volatile u16 write", "write 16 @0x0", Store<uint16_t>},
    {"volatile u32 write", "write 32 @0x0", Store<uint32_t>},
    {"volatile u64 write", "write 64 @0x0", Store<uint64_t>},
    {"volatile double write", "write 64 @0x0", Store<double>},
    {"two bytes are not one word", "read 8 @0x0, read 8 @0x1",
     [](uint8_t* at) { Load<uint8_t>(at), Load<uint8_t>(at + 1); }},
    {"two reads are not one", "read 32 @0x0, read 32 @0x0",
     [](uint8_t* at) { Load<uint32_t>(at), Load<uint32_t>(at); }},
    {"order is kept", "write 32 @0x4, write 32 @0x0, read 32 @0x4",
     [](uint8_t* at) { Store<uint32_t>(at + 4), Store<uint32_t>(at), Load<uint32_t>(at + 4); }},
    {"a loop of four", "read 16 @0x0, read 16 @0x2, read 16 @0x4, read 16 @0x6",
     [](uint8_t* at) {
       for (int i = 0; i < 4; ++i) Load<uint16_t>(at + 2 * i);
     }},
    {"atomic load", "read 32 @0x0",
     [](uint8_t* at) { __atomic_load_n(reinterpret_cast<uint32_t*>(at), __ATOMIC_SEQ_CST); }},
    {"atomic exchange", "locked modify 32 @0x0",
     [](uint8_t* at) { __atomic_exchange_n(reinterpret_cast<uint32_t*>(at), 1, __ATOMIC_SEQ_CST); }},

    // Addressing forms.
    {"base r12 needs SIB", "read 32 @0x0", ASM("mov %%r11, %%r12; mov (%%r12), %%eax")},
    {"base r13 needs a displacement", "read 32 @0x0", ASM("mov %%r11, %%r13; mov (%%r13), %%eax")},
    {"low base", "read 32 @0x4", ASM("mov %%r11, %%rbx; mov 4(%%rbx), %%eax")},
    {"scaled index", "read 32 @0xc", ASM("mov $3, %%ecx; mov (%%r11,%%rcx,4), %%eax")},
    {"high index", "read 64 @0x10", ASM("mov $1, %%r8d; mov %%r11, %%rbx; mov 8(%%rbx,%%r8,8), %%rax")},
    {"negative index", "read 32 @0x0", ASM("lea 8(%%r11), %%rcx; mov $-2, %%r8; mov (%%rcx,%%r8,4), %%eax")},
    {"index without base", "read 8 @0x100", ASM("mov %%r11, %%rcx; movb 0x100(,%%rcx,1), %%al")},
    {"negative displacement", "read 32 @0x0", ASM("lea 8(%%r11), %%rcx; mov -8(%%rcx), %%eax")},
    {"long displacement", "read 32 @0x200", ASM("mov 0x200(%%r11), %%eax")},

    // One-byte opcodes.
    {"or m8, r8", "modify 8 @0x1", ASM("orb %%al, 1(%%r11)")},
    {"and m32, r32", "modify 32 @0x4", ASM("andl %%eax, 4(%%r11)")},
    {"lock or m64, r64", "locked modify 64 @0x8", ASM("lock orq %%rax, 8(%%r11)")},
    {"cmp m8, r8", "read 8 @0x0", ASM("cmpb %%al, (%%r11)")},
    {"and r8, m8", "read 8 @0x0", ASM("andb (%%r11), %%al")},
    {"cmp m32, r32", "read 32 @0x0", ASM("cmpl %%eax, (%%r11)")},
    {"add r16, m16", "read 16 @0x2", ASM("addw 2(%%r11), %%ax")},
    {"movsxd", "read 32 @0x4", ASM("movslq 4(%%r11), %%rax")},
    {"imul r, m, imm", "read 32 @0x0", ASM("imull $3, (%%r11), %%eax")},
    {"and m8, imm", "modify 8 @0x0", ASM("andb $1, (%%r11)")},
    {"cmp m8, imm", "read 8 @0x0", ASM("cmpb $1, (%%r11)")},
    {"or m32, imm8", "modify 32 @0x0", ASM("orl $1, (%%r11)")},
    {"or m16, imm16", "modify 16 @0x0", ASM("orw $0x1234, (%%r11)")},
    {"cmp m64, imm8", "read 64 @0x0", ASM("cmpq $1, (%%r11)")},
    {"cmp m32, imm32", "read 32 @0x0", ASM("cmpl $0x12345678, (%%r11)")},
    {"test m8, r8", "read 8 @0x0", ASM("testb %%al, (%%r11)")},
    {"test m64, r64", "read 64 @0x0", ASM("testq %%rax, (%%r11)")},
    {"xchg m8", "locked modify 8 @0x0", ASM("xchgb %%al, (%%r11)")},
    {"xchg m32", "locked modify 32 @0x0", ASM("xchgl %%eax, (%%r11)")},
    {"mov m8, r8", "write 8 @0x3", ASM("movb %%al, 3(%%r11)")},
    {"mov m16, r16", "write 16 @0x2", ASM("movw %%ax, 2(%%r11)")},
    {"mov m32, r32", "write 32 @0x4", ASM("movl %%eax, 4(%%r11)")},
    {"mov m64, r64", "write 64 @0x8", ASM("movq %%rax, 8(%%r11)")},
    {"mov r8, m8", "read 8 @0x3", ASM("movb 3(%%r11), %%al")},
    {"mov r16, m16", "read 16 @0x2", ASM("movw 2(%%r11), %%ax")},
    {"mov r32, m32", "read 32 @0x4", ASM("movl 4(%%r11), %%eax")},
    {"pop m64", "write 64 @0x0", ASM("pushq $1; popq (%%r11)")},
    {"push m64", "read 64 @0x0", ASM("pushq (%%r11); popq %%rax")},
    {"movabs al, m8", "read 8 @0x0", ABSOLUTE("\xa0")},
    {"movabs rax, m64", "read 64 @0x0", ABSOLUTE("\x48\xa1")},
    {"movabs m8, al", "write 8 @0x0", ABSOLUTE("\xa2")},
    {"movabs m32, eax", "write 32 @0x0", ABSOLUTE("\xa3")},
    {"movsb from it", "read 8 @0x0", ASM("mov %%r11, %%rsi; mov %%r10, %%rdi; movsb")},
    {"movsb to it", "write 8 @0x0", ASM("mov %%r10, %%rsi; mov %%r11, %%rdi; movsb")},
    {"movsq within it", "read 64 @0x0, write 64 @0x8", ASM("mov %%r11, %%rsi; lea 8(%%r11), %%rdi; movsq")},
    {"movsl to it", "write 32 @0x0", ASM("mov %%r10, %%rsi; mov %%r11, %%rdi; movsl")},
    {"rep movsb counts every byte", "write 8 @0x0, write 8 @0x1, write 8 @0x2",
     ASM("mov %%r10, %%rsi; mov %%r11, %%rdi; mov $3, %%ecx; rep movsb")},
    {"rep stosb", "write 8 @0x0, write 8 @0x1", ASM("mov %%r11, %%rdi; mov $2, %%ecx; rep stosb")},
    {"stosl", "write 32 @0x0", ASM("mov %%r11, %%rdi; stosl")},
    {"lodsb", "read 8 @0x0", ASM("mov %%r11, %%rsi; lodsb")},
    {"lodsw", "read 16 @0x0", ASM("mov %%r11, %%rsi; lodsw")},
    {"shl m8", "modify 8 @0x0", ASM("shlb $1, (%%r11)")},
    {"sar m32, imm", "modify 32 @0x0", ASM("sarl $3, (%%r11)")},
    {"mov m8, imm", "write 8 @0x5", ASM("movb $7, 5(%%r11)")},
    {"mov m16, imm", "write 16 @0x2", ASM("movw $0x1234, 2(%%r11)")},
    {"mov m64, imm", "write 64 @0x8", ASM("movq $7, 8(%%r11)")},
    {"test m8, imm", "read 8 @0x1", ASM("testb $1, 1(%%r11)")},
    {"test m32, imm", "read 32 @0x4", ASM("testl $1, 4(%%r11)")},
    {"not m8", "modify 8 @0x0", ASM("notb (%%r11)")},
    {"neg m64", "modify 64 @0x0", ASM("negq (%%r11)")},
    {"inc m8", "modify 8 @0x0", ASM("incb (%%r11)")},
    {"lock dec m32", "locked modify 32 @0x0", ASM("lock decl (%%r11)")},

    // Two-byte and three-byte opcodes.
    {"movups read", "read 128 @0x10", ASM("movups 0x10(%%r11), %%xmm0")},
    {"movss read", "read 32 @0x4", ASM("movss 4(%%r11), %%xmm0")},
    {"movsd read", "read 64 @0x8", ASM("movsd 8(%%r11), %%xmm0")},
    {"movaps write", "write 128 @0x10", ASM("movaps %%xmm0, 0x10(%%r11)")},
    {"movss write", "write 32 @0x4", ASM("movss %%xmm0, 4(%%r11)")},
    {"movsd write", "write 64 @0x8", ASM("movsd %%xmm0, 8(%%r11)")},
    {"movlps read", "read 64 @0x8", ASM("movlps 8(%%r11), %%xmm0")},
    {"movhpd write", "write 64 @0x8", ASM("movhpd %%xmm0, 8(%%r11)")},
    {"cvtsi2sd from m32", "read 32 @0x4", ASM("cvtsi2sdl 4(%%r11), %%xmm0")},
    {"cvtsi2sd from m64", "read 64 @0x8", ASM("cvtsi2sdq 8(%%r11), %%xmm0")},
    {"addss", "read 32 @0x4", ASM("addss 4(%%r11), %%xmm0")},
    {"cvttsd2si", "read 64 @0x8", ASM("cvttsd2si 8(%%r11), %%rax")},
    {"ucomiss", "read 32 @0x4", ASM("ucomiss 4(%%r11), %%xmm0")},
    {"ucomisd", "read 64 @0x8", ASM("ucomisd 8(%%r11), %%xmm0")},
    {"cmov", "read 32 @0x4", ASM("xor %%eax, %%eax; cmovel 4(%%r11), %%eax")},
    {"movd read", "read 32 @0x4", ASM("movd 4(%%r11), %%xmm0")},
    {"movq to m64 with REX.W", "write 64 @0x8", ASM(".byte 0x66, 0x49, 0x0f, 0x7e, 0x43, 0x08")},
    {"movd write", "write 32 @0x4", ASM("movd %%xmm0, 4(%%r11)")},
    {"movq read", "read 64 @0x8", ASM("movq 8(%%r11), %%xmm0")},
    {"movq write", "write 64 @0x8", ASM("movq %%xmm0, 8(%%r11)")},
    {"movdqu read", "read 128 @0x8", ASM("movdqu 8(%%r11), %%xmm0")},
    {"movdqa write", "write 128 @0x10", ASM("movdqa %%xmm0, 0x10(%%r11)")},
    {"sete", "write 8 @0x0", ASM("sete (%%r11)")},
    {"bt m32, imm", "read 32 @0x0", ASM("btl $3, (%%r11)")},
    {"lock bts m32, imm", "locked modify 32 @0x0", ASM("lock btsl $3, (%%r11)")},
    {"bt m64, r64", "read 64 @0x0", ASM("mov $3, %%ecx; btq %%rcx, (%%r11)")},
    {"btr m32, r32", "modify 32 @0x0", ASM("mov $3, %%ecx; btrl %%ecx, (%%r11)")},
    {"imul r, m", "read 64 @0x0", ASM("imulq (%%r11), %%rax")},
    {"lock cmpxchg m8", "locked modify 8 @0x0", ASM("lock cmpxchgb %%cl, (%%r11)")},
    {"lock cmpxchg m32", "locked modify 32 @0x0", ASM("lock cmpxchgl %%ecx, (%%r11)")},
    {"lock xadd m64", "locked modify 64 @0x0", ASM("lock xaddq %%rax, (%%r11)")},
    {"lock cmpxchg8b", "locked modify 64 @0x0", ASM("lock cmpxchg8b (%%r11)")},
    {"lock cmpxchg16b", "locked modify 128 @0x10", ASM("lock cmpxchg16b 0x10(%%r11)")},
    {"movzx r32, m8", "read 8 @0x1", ASM("movzbl 1(%%r11), %%eax")},
    {"movsx r64, m8", "read 8 @0x1", ASM("movsbq 1(%%r11), %%rax")},
    {"movzx r32, m16", "read 16 @0x2", ASM("movzwl 2(%%r11), %%eax")},
    {"movsx r64, m16", "read 16 @0x2", ASM("movswq 2(%%r11), %%rax")},
    {"bsf", "read 32 @0x0", ASM("bsfl (%%r11), %%eax")},
    {"movnti", "write 64 @0x8", ASM("movntiq %%rax, 8(%%r11)")},
    {"movntdq", "write 128 @0x10", ASM("movntdq %%xmm0, 0x10(%%r11)")},
    {"lddqu", "read 128 @0x0", ASM("lddqu (%%r11), %%xmm0")},
    {"movbe read", "read 32 @0x4", ASM("movbe 4(%%r11), %%eax"), "avx2"},
    {"movbe write", "write 16 @0x4", ASM("movbe %%ax, 4(%%r11)"), "avx2"},
    {"pextrb", "write 8 @0x1", ASM("pextrb $0, %%xmm0, 1(%%r11)"), "avx2"},
    {"pextrw", "write 16 @0x2", ASM("pextrw $0, %%xmm0, 2(%%r11)"), "avx2"},
    {"pextrq", "write 64 @0x8", ASM("pextrq $0, %%xmm0, 8(%%r11)"), "avx2"},
    {"pinsrb", "read 8 @0x1", ASM("pinsrb $0, 1(%%r11), %%xmm0"), "avx2"},
    {"pinsrd", "read 32 @0x4", ASM("pinsrd $0, 4(%%r11), %%xmm0"), "avx2"},
    {"vmovdqu xmm", "read 128 @0x0", ASM("vmovdqu (%%r11), %%xmm0"), "avx2"},
    {"vmovdqu ymm", "write 256 @0x0", ASM("vmovdqu %%ymm0, (%%r11)"), "avx2"},
    {"vmovsd", "read 64 @0x8", ASM("vmovsd 8(%%r11), %%xmm0"), "avx2"},
    {"vmovss", "write 32 @0x4", ASM("mov $1, %%ecx; vmovss %%xmm0, (%%r11,%%rcx,4)"), "avx2"},
    {"vmovd", "read 32 @0x4", ASM("vmovd 4(%%r11), %%xmm0"), "avx2"},
    {"vmovq with VEX.W", "write 64 @0x8", ASM(".byte 0xc4, 0xc1, 0xf9, 0x7e, 0x43, 0x08"), "avx2"},
    {"shlx", "read 64 @0x8", ASM("shlx %%rcx, 8(%%r11), %%rax"), "avx2"},
    {"rorx", "read 32 @0x4", ASM("rorx $3, 4(%%r11), %%eax"), "avx2"},
    {"vmovdqu64 zmm, scaled displacement", "read 512 @0x40", ASM("vmovdqu64 0x40(%%r11), %%zmm0"), "avx512"},
    {"vmovdqu64 ymm", "write 256 @0x20", ASM("vmovdqu64 %%ymm16, 0x20(%%r11)"), "avx512"},

    // In no table.
    {"an instruction that is not known", "unknown instruction", ASM("fldl (%%r11); fstp %%st(0)")},
    {"another segment", "unknown instruction", ASM("mov %%r11, %%rcx; .byte 0x26; mov (%%rcx), %%eax")},
};

}  // namespace

Samples AllSamples() { return {kSamples, sizeof kSamples / sizeof kSamples[0]}; }

bool CanRun(const Sample& sample) {
  if (sample.needs == nullptr) return true;
  // Processors with AVX2 have SSE4.1, MOVBE and BMI2 too.
  if (strcmp(sample.needs, "avx2") == 0) return __builtin_cpu_supports("avx2");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
